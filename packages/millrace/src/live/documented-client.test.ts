import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { count, liveApp } from './live.fixture.ts'

const documentation = new URL('../../../../docs/live.md', import.meta.url)

test('the client that the documentation has: it comes again after a cut with nothing missed, and ends where it must', async () => {
  const markdown = await readFile(documentation, 'utf8')
  const code = /```js\n([\s\S]*?)```/.exec(markdown)?.[1] ?? ''
  await using app = await liveApp()
  const sockets: WebSocket[] = []
  class Recorded extends WebSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const shown: number[] = []
  let isSignedOut = false
  const page = {
    WebSocket: Recorded,
    location: new URL(app.url),
    currentToken: () => 'anna',
    show: (message: { data: { n: number } }) => shown.push(message.data.n),
    loadEverything: () => shown.push(-1),
    signIn: () => {
      isSignedOut = true
    },
  }
  const source = code.replace('wss:', 'ws:').replace('/ws/tasks', '/ws/counts')
  new Function(...Object.keys(page), `${source}\nconnect()`)(...Object.values(page))

  const isConnected = async () => (await app.http.get('/ws/stats')).json().total_connections === 1
  await until('it is connected', isConnected)
  await count(app, 'anna', [1, 2])
  await until('it has both', () => shown.length === 2)
  sockets[0]?.close()
  await until('it is gone', async () => !(await isConnected()))
  await count(app, 'anna', [3])
  await until('it has what it missed', () => shown.length === 3)
  await count(app, 'anna', [4])
  await until('it is live', () => shown.length === 4)
  expect(shown).toEqual([1, 2, 3, 4])
  await app.millrace.live.revoke('anna')
  await until('it is signed out', () => isSignedOut)
  expect(sockets).toHaveLength(2)
})
