import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { ImportRule } from './import-table.ts'

/** One `import` or `export … from`. */
export interface Import {
  readonly specifier: string
  /** Erased before it runs. `import { type A }` is not: it still loads the file. */
  readonly typeOnly: boolean
}

/** A source file of a tree; paths are relative to it and use `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const source = /\.tsx?$/
const supportFile = /\.(test|fixture|test-d)\.tsx?$/

/** The sources of a tree, without its tests and generated files. */
export function readSources(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => source.test(path) && !supportFile.test(path) && !path.includes('generated/'))
    .sort()
    .map((path) => sourceFile(path, readFileSync(join(root, path), 'utf8')))
}

export function sourceFile(path: string, source: string): SourceFile {
  const text = withoutComments(source)
  return { path, text, imports: importsOf(text) }
}

/** Blanks comments out; strings are left, as they may hold what looks like one. */
function withoutComments(source: string): string {
  const tokens = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return source.replace(tokens, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token))
}

function importsOf(text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[\w*{][^'"`;]*?\sfrom\s+)?(['"])(.+?)\2/gm)
  const calls = text.matchAll(/\bimport\(\s*(['"])(.+?)\1/g)
  return [
    ...[...statements].map(([, type, , specifier = '']) => ({ specifier, typeOnly: type !== undefined })),
    ...[...calls].map(([, , specifier = '']) => ({ specifier, typeOnly: false })),
  ]
}

/** How the files of a tree are grouped: the rule that a file stands under. */
export type Grouping = (path: string) => string

/** By folder, the adapters each of their own; files at the top by name. */
export function frameworkGroup(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'adapters' ? `adapters/${second}` : first
}

/** Files at the top by name; modules by folder. */
export function appGroup(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'modules' ? `modules/${second}` : path
}

/** By folder, the features each of their own; files at the top by name. */
export function consoleGroup(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'features' ? `features/${second}` : first
}

/** Files at the top by name, folders as one; what lies outside of the tree by its path. */
export function scriptGroup(path: string): string {
  return path.startsWith('../') ? path : (path.split('/')[0] ?? '')
}

/** Every import that the table does not allow, and every group that it does not have. */
export function forbiddenImports(
  sources: readonly SourceFile[],
  table: Readonly<Record<string, ImportRule>>,
  groupOf: Grouping,
): string[] {
  return sources.flatMap(({ path, imports }) => {
    const group = groupOf(path)
    const rule = ruleOf(table, group)
    if (!rule) return [`${path}: the import table has no rule for ${group}`]
    return imports
      .filter((one) => !isAllowed(one, rule, { path, group, groupOf }))
      .map(({ specifier, typeOnly }) => `${path}: ${group} may not import ${typeOnly ? 'types of ' : ''}${specifier}`)
  })
}

function ruleOf(table: Readonly<Record<string, ImportRule>>, group: string): ImportRule | undefined {
  return table[group] ?? table[group.replace(/\/[^/]*$/, '/*')]
}

interface ImportingFile {
  readonly path: string
  readonly group: string
  readonly groupOf: Grouping
}

function isAllowed({ specifier, typeOnly }: Import, rule: ImportRule, file: ImportingFile): boolean {
  if (!specifier.startsWith('.')) {
    const packages = typeOnly ? [...rule.packages, ...(rule.typesFromPackages ?? [])] : rule.packages
    return packages.some((name) => (name.endsWith(':') ? specifier.startsWith(name) : isOf(specifier, name)))
  }
  const target = resolved(file.path, specifier)
  const group = file.groupOf(target)
  // Other modules are known by their events alone.
  const isEvents = file.group.startsWith('modules/') && /^modules\/[^/]+\/events\.ts$/.test(target)
  const groups = typeOnly ? [...rule.from, ...(rule.typesFrom ?? [])] : rule.from
  return group === file.group || isEvents || groups.some((allowed) => allowed === group || isWithin(group, allowed))
}

/** The package itself or, where that is not one of ours, a part of it. */
function isOf(specifier: string, name: string): boolean {
  return specifier === name || (name !== 'millrace' && specifier.startsWith(`${name}/`))
}

function isWithin(group: string, pattern: string): boolean {
  return pattern.endsWith('/*') && group.startsWith(pattern.slice(0, -1))
}

function resolved(path: string, specifier: string): string {
  return relative('.', join(dirname(path), specifier))
    .split(sep)
    .join('/')
}

/** Files that load each other when they run, as paths through which one comes back to where it began. */
export function valueCycles(sources: readonly SourceFile[]): string[] {
  const targets = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
        .map(({ specifier }) => resolved(path, specifier)),
    ]),
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path)
    if (seen >= 0) cycles.push([...trail.slice(seen), path].join(' → '))
    if (seen >= 0 || done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return cycles
}

/** The files that import a file of their tree. */
export function importersOf(sources: readonly SourceFile[], target: string): string[] {
  return sources
    .filter(({ path, imports }) =>
      imports.some(({ specifier }) => specifier.startsWith('.') && resolved(path, specifier) === target),
    )
    .map(({ path }) => path)
}

/** The packages that a file loads, and the files that it loads. */
export function packagesBehind(sources: readonly SourceFile[], start: string): string[] {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const values = sources.find((file) => file.path === path)?.imports.filter(({ typeOnly }) => !typeOnly) ?? []
    for (const { specifier } of values) {
      if (specifier.startsWith('.')) visit(resolved(path, specifier))
      else packages.add(specifier)
    }
  }
  visit(start)
  return [...packages].sort()
}

/** The files in which a pattern occurs outside of comments. */
export function filesWith(sources: readonly SourceFile[], pattern: RegExp): string[] {
  return sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
}
