import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  appGroup,
  consoleGroup,
  filesWith,
  forbiddenImports,
  frameworkGroup,
  importersOf,
  packagesBehind,
  readSources,
  type SourceFile,
  scriptGroup,
  sourceFile,
  valueCycles,
} from '../src/boundaries.ts'
import { appImports, consoleImports, environmentReaders, frameworkImports, scriptImports } from '../src/import-table.ts'

const frameworkRoot = 'packages/millrace/src'
const appRoot = 'apps/backend/src'
const consoleRoot = 'apps/console/src'
const framework = sourcesOf(frameworkRoot)
const app = sourcesOf(appRoot)
const pages = sourcesOf(consoleRoot)
const scriptRoot = 'apps/backend/scripts'
const scripts = sourcesOf(scriptRoot)
const trees = [
  [frameworkRoot, framework],
  [appRoot, app],
  [consoleRoot, pages],
  [scriptRoot, scripts],
] as const

function sourcesOf(root: string): SourceFile[] {
  return readSources(fileURLToPath(new URL(`../../${root}`, import.meta.url)))
}

describe('the repository', () => {
  test('the framework keeps the import table', () => {
    expect(framework.length).toBeGreaterThan(50)
    expect(forbiddenImports(framework, frameworkImports, frameworkGroup)).toEqual([])
  })

  test('the app keeps the import table', () => {
    expect(app.length).toBeGreaterThan(5)
    expect(forbiddenImports(app, appImports, appGroup)).toEqual([])
  })

  test('the console keeps the import table', () => {
    expect(pages.length).toBeGreaterThan(20)
    expect(forbiddenImports(pages, consoleImports, consoleGroup)).toEqual([])
  })

  test('the app’s scripts keep the import table', () => {
    expect(forbiddenImports(scripts, scriptImports, scriptGroup)).toEqual([])
  })

  test('the table has no rule for what is not there', () => {
    const tables = [
      [framework, frameworkImports, frameworkGroup],
      [pages, consoleImports, (path: string) => consoleGroup(path).replace(/^features\/.*/, 'features/*')],
      [scripts, scriptImports, scriptGroup],
    ] as const
    for (const [sources, table, groupOf] of tables) {
      const groups = new Set(sources.map(({ path }) => groupOf(path)))
      expect(Object.keys(table).filter((group) => !groups.has(group))).toEqual([])
    }
  })

  test('channels import schemas alone: a browser’s program takes their types', () => {
    const channels = app.filter(({ path }) => path.endsWith('/channels.ts')).map(({ path }) => path)
    expect(channels.length).toBeGreaterThan(1)
    for (const path of channels) expect(packagesBehind(app, path)).toEqual(['millrace', 'zod'])
  })

  test('only the main file imports the composition', () => {
    expect(importersOf(app, 'compose.ts')).toEqual(['main.ts'])
  })

  test('no files load each other in a circle', () => {
    expect(trees.flatMap(([, sources]) => valueCycles(sources))).toEqual([])
  })

  test.each([
    ['exports everything of another file', /^export\s+(type\s+)?\*/m],
    ['has a default export', /^export\s+default\b/m],
  ])('no file %s', (_, pattern) => {
    expect(trees.flatMap(([, sources]) => filesWith(sources, pattern))).toEqual([])
  })

  test('the environment is read where the table says so', () => {
    const readers = trees.flatMap(([root, sources]) =>
      filesWith(sources, /\bprocess\s*\.\s*env\b/).map((path) => `${root}/${path}`),
    )
    expect(readers.sort()).toEqual(Object.keys(environmentReaders).sort())
  })
})

describe('the checks', () => {
  const core = {
    core: { from: [], packages: [], typesFromPackages: ['zod/v4/core'], why: '' },
    ports: { from: [], typesFrom: ['core'], packages: [], why: '' },
    'adapters/a': { from: ['core'], packages: ['node:', 'pg'], why: '' },
    'adapters/b': { from: ['core'], packages: [], why: '' },
  }
  const check = (path: string, source: string) => forbiddenImports([sourceFile(path, source)], core, frameworkGroup)

  test.each([
    ['core/a.ts', `import { b } from './b.ts'\nimport type * as z from 'zod/v4/core'`],
    ['ports/a.ts', `import type { A } from '../core/a.ts'`],
    ['adapters/a/log/x.ts', `import pg from 'pg'\nimport { join } from 'node:path'\nimport { y } from '../z.ts'`],
    ['core/a.ts', `// import { b } from 'node:fs'\n/*\nimport 'pg'\n*/\nconst url = 'https://x.y/*'`],
  ])('%s may: %s', (path, source) => {
    expect(check(path, source)).toEqual([])
  })

  test.each([
    ['core/a.ts', `import { join } from 'node:path'`],
    ['core/a.ts', `import * as z from 'zod/v4/core'`],
    ['core/a.ts', `import { type A } from '../ports/a.ts'`],
    ['core/a.ts', `export {\n  a,\n  type B,\n} from '../ports/a.ts'`],
    ['core/a.ts', `import '../ports/a.ts'`],
    ['core/a.ts', `const a = await import('../ports/a.ts')`],
    ['ports/a.ts', `import { fail } from '../core/a.ts'`],
    ['adapters/a/x.ts', `import { y } from '../b/y.ts'`],
    ['adapters/b/x.ts', `import type { Pool } from 'pg'`],
    ['elsewhere/x.ts', ''],
  ])('%s may not: %s', (path, source) => {
    expect(check(path, source)).toHaveLength(1)
  })

  test.each([
    ['../orders/events.ts', 0],
    ['../orders/store.ts', 1],
    ['./store.ts', 0],
    ['../../compose.ts', 1],
    ['millrace/postgres', 1],
  ])('of a module importing %s, %i are refused', (specifier, refused) => {
    const source = sourceFile('modules/todos/http.ts', `import { a } from '${specifier}'`)
    expect(forbiddenImports([source], appImports, appGroup)).toHaveLength(refused)
  })

  test.each([
    ['../../data/api.ts', 0],
    ['./tasks.module.css', 0],
    ['../session/user-menu.tsx', 1],
    ['../../app/shell.tsx', 1],
    ['@millrace/backend/src/modules/tasks/task.ts', 1],
    ['millrace', 1],
    ['node:fs', 1],
  ])('of a feature of the console importing %s, %i are refused', (specifier, refused) => {
    const source = sourceFile('features/tasks/tasks-page.tsx', `import { a } from '${specifier}'`)
    expect(forbiddenImports([source], consoleImports, consoleGroup)).toHaveLength(refused)
  })

  test('a circle of values is found, one of types is none', () => {
    const file = (path: string, source: string) => sourceFile(path, source)
    const a = file('a.ts', `import { b } from './b.ts'`)
    const b = file('b.ts', `import { c } from './x/c.ts'`)
    expect(valueCycles([a, b, file('x/c.ts', `import { a } from '../a.ts'`)])).toEqual(['a.ts → b.ts → x/c.ts → a.ts'])
    expect(valueCycles([a, b, file('x/c.ts', `import type { a } from '../a.ts'`)])).toEqual([])
  })
})
