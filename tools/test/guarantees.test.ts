import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = new URL('../../docs/guarantees.md', import.meta.url)
/** What its paths are from. */
const framework = new URL('../../packages/millrace/', import.meta.url)
const text = readFileSync(page, 'utf8')

const files = new Set(Array.from(text.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.ts)`/g), ([, path = '']) => path))

interface NamedTest {
  readonly path: string
  readonly title: string
}

const named = Array.from(
  text.matchAll(/\| `([^`]+)` \| “([^”]+)” \|/g),
  ([, path = '', title = '']): NamedTest => ({ path, title }),
)

test('every file that the guarantees name exists', () => {
  expect(files.size).toBeGreaterThan(30)
  expect([...files].filter((path) => !existsSync(new URL(path, framework)))).toEqual([])
})

test('every test that the guarantees name by its title is in its file', () => {
  expect(named.length).toBeGreaterThanOrEqual(19)
  expect(named.filter((one) => !has(one))).toEqual([])
})

function has({ path, title }: NamedTest): boolean {
  const source = readFileSync(new URL(path, framework), 'utf8')
  return source.includes(`'${title}'`)
}
