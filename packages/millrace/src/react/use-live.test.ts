import { createElement, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import type { LiveStore } from '../client/index.ts'
import { Page } from '../client/page.fixture.ts'
import { addRows, rowsApp, rowsOf } from '../client/store.fixture.ts'
import type { TestApp } from '../testing/index.ts'
import { makeDocument } from './dom.fixture.ts'
import { useLive } from './use-live.ts'

const anna = () => 'anna'
let app: TestApp

beforeAll(async () => {
  app = await rowsApp()
})

afterAll(async () => app.stop())

function Numbers({ store }: { store: LiveStore<readonly number[]> }) {
  const { status, data } = useLive(store)
  return createElement('p', null, `${status}: ${data?.join(' ') ?? 'nothing'}`)
}

/** Draws in a document of its own, as an app does in development: everything is mounted twice. */
async function render(store: LiveStore<readonly number[]>) {
  const { body } = makeDocument()
  const { createRoot } = await import('react-dom/client')
  const root = createRoot(body as unknown as Parameters<typeof createRoot>[0])
  const draw = (copies: number) => {
    const all = Array.from({ length: copies }, (_, key) => createElement(Numbers, { key, store }))
    root.render(createElement(StrictMode, null, all))
  }
  return { body, draw, unmount: () => root.unmount() }
}

test('on the server a page is drawn without data, and nothing is connected', async () => {
  using page = new Page(app)
  const store = page.client(anna).store('counts', rowsOf(app, anna))
  expect(renderToString(createElement(Numbers, { store }))).toBe('<p>connecting: nothing</p>')
  expect(page.sockets).toEqual([])
})

test('components have what the store has, over one connection, which ends after the last of them', async () => {
  using page = new Page(app)
  const store = page.client(anna).store('counts', rowsOf(app, anna))
  const { body, draw, unmount } = await render(store)
  draw(2)
  await until('both are there', () => body.textContent === 'live: live: ')
  await addRows(app, 'anna', 1, 2)
  await until('both have it', () => body.textContent === 'live: 1 2live: 1 2')
  draw(1)
  await until('one is gone', () => body.textContent === 'live: 1 2')
  await addRows(app, 'anna', 3)
  await until('the other goes on', () => body.textContent === 'live: 1 2 3')
  expect(page.sockets).toHaveLength(1)
  unmount()
  await until('nobody is connected', async () => (await app.http.get('/ws/stats')).json().total_connections === 0)
  expect(body.textContent).toBe('')
})
