import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/guarantees.md', root), 'utf8')
/** What its paths are from, where a section does not say. */
const framework = new URL('packages/millrace/', root)

/** The test files that each section names. */
const files = text.split(/^## /m).flatMap((section) => {
  const said = /Paths are from `([^`]+\/)`\./.exec(section)?.[1]
  const base = said === undefined ? framework : new URL(said, root)
  return Array.from(section.matchAll(/`([\w./-]+\.test\.ts)`/g), ([, path = '']) => new URL(path, base))
})

interface NamedTest {
  readonly path: string
  readonly title: string
}

const named = Array.from(
  text.matchAll(/\| `([^`]+)` \| “([^”]+)” \|/g),
  ([, path = '', title = '']): NamedTest => ({ path, title }),
)

test('every file that the guarantees name exists', () => {
  expect(files.length).toBeGreaterThan(60)
  expect(files.filter((file) => !existsSync(file)).map(({ pathname }) => pathname)).toEqual([])
})

test('every test that the guarantees name by its title is in its file', () => {
  expect(named.length).toBeGreaterThanOrEqual(19)
  expect(named.filter((one) => !has(one))).toEqual([])
})

function has({ path, title }: NamedTest): boolean {
  const source = readFileSync(new URL(path, framework), 'utf8')
  return source.includes(`'${title}'`)
}
