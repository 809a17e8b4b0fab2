import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/guarantees.md', root), 'utf8')
const checklist = readFileSync(new URL('docs/production.md', root), 'utf8')
/** What its paths are from, where a section does not say. */
const framework = new URL('packages/millrace/', root)

/** The test files that each section of a page names. */
function filesOf(page: string): URL[] {
  return page.split(/^## /m).flatMap((section) => {
    const said = /Paths are from `([^`]+\/)`\./.exec(section)?.[1]
    const base = said === undefined ? framework : new URL(said, root)
    return Array.from(section.matchAll(/`([\w./-]+\.test\.ts)`/g), ([, path = '']) => new URL(path, base))
  })
}

interface NamedTest {
  readonly path: string
  readonly title: string
}

const named = Array.from(
  text.matchAll(/\| `([^`]+)` \| “([^”]+)” \|/g),
  ([, path = '', title = '']): NamedTest => ({ path, title }),
)

test('every file that the guarantees name exists', () => {
  const files = filesOf(text)
  expect(files.length).toBeGreaterThan(60)
  expect(missing(files)).toEqual([])
})

test('every item of the production checklist names a test, and each exists', () => {
  const [, rows = ''] = /\|---\|---\|---\|\n([\s\S]*?)\n\n/.exec(checklist) ?? []
  const items = rows.split('\n')
  expect(items).toHaveLength(10)
  expect(items.filter((item) => filesOf(item).length === 0)).toEqual([expect.stringContaining('`.ci/run`')])
  expect(missing(filesOf(checklist))).toEqual([])
})

test('every test that the guarantees name by its title is in its file', () => {
  expect(named.length).toBeGreaterThanOrEqual(19)
  expect(named.filter((one) => !has(one))).toEqual([])
})

function missing(files: readonly URL[]): string[] {
  return files.filter((file) => !existsSync(file)).map(({ pathname }) => pathname)
}

function has({ path, title }: NamedTest): boolean {
  const source = readFileSync(new URL(path, framework), 'utf8')
  return source.includes(`'${title}'`)
}
