import { testBrowser } from '@millrace/tools/browser'
import { expect, test } from 'vitest'
import { register, startApp } from './app.fixture.ts'
import { connectionState, create, openAs, rowOf } from './pages.fixture.ts'

const browser = testBrowser()

test('a page whose server was killed says so, and catches up by itself', async () => {
  const app = await startApp()
  const ann = await register(app)
  const page = await openAs(browser, app, ann)
  await create(page, 'before')
  await rowOf(page, 'before').waitFor()

  const other = await app.another()
  await app.kill()
  await connectionState(page, 'reconnecting').waitFor()
  await other.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'meanwhile' } })
  // What was there is still to be seen, and what is asked for fails in so many words.
  await create(page, 'nowhere')
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await rowOf(page, 'before').waitFor()

  await app.restart()
  await connectionState(page, 'live').waitFor()
  await rowOf(page, 'meanwhile').waitFor()
  await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'after' } })
  await rowOf(page, 'after').waitFor()
  expect(await rowOf(page, 'before').count()).toBe(1)
  expect(await rowOf(page, 'nowhere').count()).toBe(0)
})

test('a browser without a network says so, and catches up', async () => {
  const app = await startApp()
  const ann = await register(app)
  const page = await openAs(browser, app, ann)
  await page.context().setOffline(true)
  await connectionState(page, 'offline').waitFor()
  await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'meanwhile' } })
  await page.context().setOffline(false)
  await connectionState(page, 'live').waitFor()
  await rowOf(page, 'meanwhile').waitFor()
})
