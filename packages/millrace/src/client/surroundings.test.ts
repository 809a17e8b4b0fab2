import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Page } from './page.fixture.ts'
import { type Change, surroundings } from './surroundings.ts'

test('what happens to the page is told until nobody wants to know', () => {
  using page = new Page({ url: 'https://app.example' })
  const here = surroundings(page as unknown as Parameters<typeof surroundings>[0])
  const changes: Change[] = []
  const end = here.watch((change) => changes.push(change))
  const everything = () => {
    page.goOffline()
    page.goOnline()
    page.document.visibilityState = 'hidden'
    page.show()
    page.document.visibilityState = 'visible'
    page.show()
    page.document.dispatchEvent(new Event('resume'))
    page.dispatchEvent(new Event('pageshow'))
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  }
  everything()
  expect(changes).toEqual(['offline', 'online', 'visible', 'visible', 'visible'])
  end()
  everything()
  expect(changes).toHaveLength(5)
  page.goOffline()
  expect([here.origin, here.isOnline()]).toEqual(['https://app.example', false])
})

test('without a page there is nothing to watch, and nobody to say that there is no network', () => {
  const here = surroundings()
  here.watch(() => {})()
  expect([here.origin, here.isOnline(), here.WebSocket]).toEqual([undefined, true, WebSocket])
})

test('without a page an error is thrown where nobody catches it, as of any other listener', async () => {
  const module = new URL('./surroundings.ts', import.meta.url)
  const source = `const { surroundings } = await import('${module}'); surroundings().report(new Error('not this one'))`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', source])
  await expect(run).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('Error: not this one') })
})
