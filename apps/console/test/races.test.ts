import { testBrowser } from '@millrace/tools/browser'
import type { Page, WebSocketRoute } from 'playwright-core'
import { expect, test } from 'vitest'
import { type RunningApp, register, sharedApp } from './app.fixture.ts'
import { complete, connectionState, create, openAs, remove, rowOf, rows, showAll } from './pages.fixture.ts'

const browser = testBrowser()
const theApp = sharedApp()

/** Holds answers to a kind of request back until they are let go; then they are as they came, or another one. */
async function holdAnswers(page: Page, method: string) {
  const { promise: released, resolve: release } = Promise.withResolvers<object | undefined>()
  const { promise: came, resolve: hasCome } = Promise.withResolvers<void>()
  await page.route('**/api/tasks**', async (route) => {
    if (route.request().method() !== method) return route.fallback()
    const answer = await route.fetch()
    hasCome()
    const instead = await released
    return instead
      ? route.fulfill({ status: 503, json: instead, contentType: 'application/problem+json' })
      : route.fulfill({ response: answer })
  })
  return { came, release }
}

/** Holds back what the server says over the WebSocket, until it is let go. */
async function holdMessages(page: Page) {
  let held: (() => void)[] | undefined
  await page.routeWebSocket(/\/ws\/tasks/, (socket: WebSocketRoute) => {
    const server = socket.connectToServer()
    server.onMessage((message) => {
      if (held) held.push(() => socket.send(message))
      else socket.send(message)
    })
  })
  return {
    hold: () => {
      held = []
    },
    release: () => {
      const messages = held ?? []
      held = undefined
      for (const send of messages) send()
    },
    count: () => held?.length ?? 0,
  }
}

async function startWithTask() {
  const app = theApp()
  const ann = await register(app)
  await app.ask('POST', '/api/tasks', { token: ann.token, body: { title: 'tea' } })
  return { app, ann, tell: (title: string) => tellOf(app, ann.token, title) }
}

function tellOf(app: RunningApp, token: string, title: string) {
  return app.ask('POST', '/api/tasks', { token, body: { title } })
}

test('a task of which the socket tells before the answer has come is there once', async () => {
  const { app, ann } = await startWithTask()
  const page = await openAs(browser, app, ann)
  const { came, release } = await holdAnswers(page, 'POST')
  await create(page, 'coffee')
  await rowOf(page, 'coffee').waitFor()
  await came
  release(undefined)
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await rows(page).count()).toBe(2)
})

test('a task that was answered before the socket tells of it is there at once, and once', async () => {
  const { app, ann, tell } = await startWithTask()
  const page = await openAs(browser, app, ann)
  const socket = await holdMessages(page)
  await page.reload()
  await connectionState(page, 'live').waitFor()
  socket.hold()
  await create(page, 'coffee')
  await rowOf(page, 'coffee').waitFor()
  await remove(page, 'tea')
  await rowOf(page, 'tea').waitFor({ state: 'detached' })
  await expect.poll(() => socket.count(), { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
  socket.release()
  await tell('the last')
  await rowOf(page, 'the last').waitFor()
  expect(await rows(page).count()).toBe(2)
  expect(await rowOf(page, 'tea').count()).toBe(0)
})

test('a completion is seen before it is answered, and undone when it fails', async () => {
  const { app, ann } = await startWithTask()
  const page = await openAs(browser, app, ann)
  await showAll(page)
  await page.route('**/complete', async (route) => {
    await rowOf(page, 'tea').getByText('Completed').waitFor()
    await route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      json: { code: 'DATABASE_UNAVAILABLE', status: 503, detail: 'The database cannot be reached.' },
    })
  })
  await complete(page, 'tea')
  await page.getByText('“tea” was not completed').waitFor()
  await page.getByText('The database cannot be reached.').waitFor()
  await page.getByRole('button', { name: 'Complete “tea”' }).waitFor()
})

test('a deletion is seen before it is answered, and what was gone already is no failure', async () => {
  const { app, ann } = await startWithTask()
  const page = await openAs(browser, app, ann)
  await page.route('**/api/tasks/*', async (route) => {
    if (route.request().method() !== 'DELETE') return route.fallback()
    await rowOf(page, 'tea').waitFor({ state: 'detached' })
    // Twice: the second is answered 404.
    await route.fetch()
    await route.continue()
  })
  const answered = page.waitForResponse((answer) => answer.request().method() === 'DELETE')
  await remove(page, 'tea')
  expect((await answered).status()).toBe(404)
  await page.getByText('No tasks yet').waitFor()
  expect(await page.getByText('was not deleted').count()).toBe(0)
})

test('a list that cannot be loaded says why, and is loaded at the next try', async () => {
  const { app, ann } = await startWithTask()
  const page = await openAs(browser, app, ann)
  const problem = {
    ...{ code: 'DATABASE_UNAVAILABLE', status: 503, detail: 'The database cannot be reached.', instance: 'request-17' },
    remedy: 'It is taken up again by itself.',
  }
  await page.route('**/api/tasks?**', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', json: problem }),
  )
  await page.reload()
  const alert = page.getByRole('alert')
  await alert.getByText('The database cannot be reached.').waitFor()
  expect(await alert.innerText()).toMatch(/taken up again.*DATABASE_UNAVAILABLE.*request-17/s)
  expect(await connectionState(page, 'live').count()).toBe(0)
  await page.unroute('**/api/tasks?**')
  await alert.getByRole('button', { name: 'Try again' }).click()
  await rowOf(page, 'tea').waitFor()
  await connectionState(page, 'live').waitFor()
})
