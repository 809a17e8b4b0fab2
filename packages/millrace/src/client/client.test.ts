import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { expect, test } from 'vitest'
import { startChildApp } from '../../test/faults/child-app.ts'
import { until } from '../../test/faults/until.ts'
import { createJwtTokens } from '../adapters/jwt/index.ts'
import { count, liveApp } from '../live/live.fixture.ts'
import { Client } from './client.ts'
import { Counted, Page } from './page.fixture.ts'
import { surroundings } from './surroundings.ts'

const anna = () => 'anna'
const portOf = ({ url }: { readonly url: string }) => Number(new URL(url).port)
const through = ({ port }: TcpProxy) => ({ url: `http://127.0.0.1:${port}` })

test('every message is handed over once, in order, over cuts of the connection and a network that is away', async () => {
  await using app = await liveApp()
  await using proxy = await TcpProxy.listen(portOf(app))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  for (let n = 1; n <= 10; n += 1) {
    if (n % 3 === 0) proxy.cut()
    await count(app, 'anna', [2 * n - 1, 2 * n])
    proxy.mend()
    if (n % 2 === 0) await until('they have come', () => counted.numbers.includes(2 * n))
  }
  expect(counted.numbers).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  expect(counted.resets).toEqual([])
  expect(counted.statuses.slice(0, 4)).toEqual(['connecting', 'live', 'reconnecting', 'live'])
  expect(page.sockets.length).toBeGreaterThan(2)
})

test('a process that is killed: it goes on with the one that comes in its place', async () => {
  await using app = await liveApp({ roles: ['worker'] })
  const options = { databaseUrl: app.databaseUrl, isLive: true, roles: ['api'], kafkaBrokers: [] } as const
  let child = await startChildApp(options)
  await using proxy = await TcpProxy.listen(() => portOf(child))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  await count(app, 'anna', [1])
  await until('it has come', () => counted.numbers.length === 1)
  await child.kill()
  await count(app, 'anna', [2, 3])
  await until('it is noticed', () => counted.status === 'reconnecting')
  child = await startChildApp(options)
  await until('they have come', () => counted.numbers.length === 3)
  expect([counted.numbers, counted.resets]).toEqual([[1, 2, 3], []])
})

test('tokens are renewed on the open connection before they expire', async () => {
  const tokens = createJwtTokens({ secret: 'x'.repeat(32), issuer: 'test', audience: 'test', lifetime: '4s' })
  const http = { host: '127.0.0.1', port: 0, authenticate: tokens.authenticate }
  await using app = await liveApp({ http })
  using page = new Page(app)
  const issued: string[] = []
  const counted = new Counted(
    page.client(async () => {
      const { token } = await tokens.issue('anna')
      issued.push(token)
      return token
    }),
  )
  await until('three tokens have been asked for', () => issued.length === 3)
  await count(app, 'anna', [1])
  await until('it has come', () => counted.numbers.length === 1)
  expect([page.sockets.length, counted.statuses]).toEqual([1, ['connecting', 'live']])
  expect(new Set(issued).size).toBe(3)
})

test('a token that expires all the same: another one is asked for, and nothing is missed', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  let asked = 0
  const counted = new Counted(
    page.client(() => {
      asked += 1
      return asked === 1 ? `anna/${Date.now() + 1_000}` : 'anna'
    }),
  )
  await until('it is live', () => counted.status === 'live')
  await until('it is live again', () => asked === 2 && counted.status === 'live')
  await count(app, 'anna', [1])
  await until('it has come', () => counted.numbers.length === 1)
  expect([counted.resets, page.sockets.length]).toEqual([[], 2])
})

test('whoever is revoked is asked for another token; without one he is signed out, until he has signed in', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  let token: string | undefined = 'anna'
  const client = page.client(() => token)
  const counted = new Counted(client)
  await until('it is live', () => counted.status === 'live')
  await app.millrace.live.revoke('anna')
  await until('it is live again', () => page.sockets.length === 2 && counted.status === 'live')
  token = undefined
  await app.millrace.live.revoke('anna')
  await until('it is signed out', () => counted.status === 'signed-out')
  await count(app, 'anna', [1])
  token = 'anna'
  client.renew()
  await until('it has come', () => counted.numbers.length === 1)
  expect([counted.resets, counted.status, page.sockets.length]).toEqual([[], 'live', 3])
  token = 'nobody'
  client.renew()
  await until('it is refused', () => counted.status === 'signed-out')
  token = 'anna'
  client.renew()
  // Somebody else may have been there meanwhile.
  await until('it is live', () => counted.status === 'live')
  expect(counted.resets).toEqual(['user'])
})

test('a token that the server does not take, however good it looks, is named when another one is asked for', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  const asked: (string | undefined)[] = []
  const client = page.client((refused) => {
    asked.push(refused)
    return refused === 'nobody' ? 'anna' : 'nobody'
  })
  const counted = new Counted(client)
  await until('it is live', () => counted.status === 'live')
  expect(asked).toEqual([undefined, 'nobody'])
})

test('another user who signs in is told to load everything, and is given nothing of the last one', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  let user = 'anna'
  const client = page.client(() => user)
  const counted = new Counted(client)
  await until('it is live', () => counted.status === 'live')
  await count(app, 'anna', [1])
  await until('it has come', () => counted.numbers.length === 1)
  user = 'ben'
  client.renew()
  await until('it is told', () => counted.resets.length === 1 && counted.status === 'live')
  await count(app, 'anna', [2])
  await count(app, 'ben', [3])
  await until('his has come', () => counted.numbers.length === 2)
  expect([counted.numbers, counted.resets]).toEqual([[1, 3], ['user']])
})

test('a client that was too slow goes on where it was', async () => {
  await using app = await liveApp({ live: { patience: { bytes: 200_000, ms: 10_000 } } })
  await using proxy = await TcpProxy.listen(portOf(app))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  proxy.freeze()
  const padding = 'x'.repeat(50_000)
  const closes = async () => (await app.http.get('/metrics')).body
  let n = 0
  while (!(await closes()).includes('millrace_live_closes_total{reason="slow"} 1')) {
    n += 1
    await count(app, 'anna', [n], padding)
  }
  proxy.mend()
  await until('all have come', () => counted.numbers.length === n)
  expect(counted.numbers).toEqual(Array.from({ length: n }, (_, index) => index + 1))
  expect([counted.resets, page.sockets.length]).toEqual([[], 2])
})

test('a client that was away for longer than the history reaches back is told to load everything', async () => {
  await using app = await liveApp({ live: { history: { ageMs: 600_000, bytes: 2_000 } } })
  await using proxy = await TcpProxy.listen(portOf(app))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  proxy.cut()
  await count(
    app,
    'anna',
    Array.from({ length: 100 }, (_, n) => n + 1),
  )
  proxy.mend()
  await until('it is told', () => counted.resets.length === 1)
  await count(app, 'anna', [101])
  await until('it is live', () => counted.numbers.length === 1)
  expect([counted.numbers, counted.resets]).toEqual([[101], ['expired']])
})

test('without a network it says so, and goes on at once when that is back', async () => {
  await using app = await liveApp()
  await using proxy = await TcpProxy.listen(portOf(app))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  // The browser is wrong: the server answers.
  page.goOffline()
  expect(counted.status).toBe('offline')
  await until('it is live', () => counted.status === 'live')
  page.goOnline()
  proxy.cut()
  page.goOffline()
  await until('it is offline', () => counted.status === 'offline' && proxy.connections === 0)
  await count(app, 'anna', [1])
  proxy.mend()
  page.goOnline()
  await until('it has come', () => counted.numbers.length === 1)
  expect([counted.status, counted.resets]).toEqual(['live', []])
  expect(counted.statuses.slice(2)).toEqual(['offline', 'live', 'offline', 'reconnecting', 'live'])
})

test('a connection through which nothing comes is given up, and what comes through it later is of no interest', async () => {
  await using app = await liveApp()
  await using proxy = await TcpProxy.listen(portOf(app))
  using page = new Page(through(proxy))
  const counted = new Counted(page.client(anna))
  await until('it is live', () => counted.status === 'live')
  proxy.freeze()
  await count(app, 'anna', [1])
  page.show()
  await until('it is given up', () => counted.status === 'reconnecting')
  proxy.mend()
  await until('it has come', () => counted.numbers.length === 1 && counted.status === 'live')
  await until('the first connection has ended', () => page.sockets[0]?.readyState === WebSocket.CLOSED)
  expect([counted.numbers, counted.resets, page.sockets.length]).toEqual([[1], [], 2])
})

test('what the program throws is reported, and changes nothing; what it closes is closed', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  const client = page.client(anna)
  const numbers: number[] = []
  const following = client.follow('counts', {
    message: ({ data: { n } }) => {
      numbers.push(n)
      if (n === 2) throw new Error('not this one')
      if (n === 4) following.close()
    },
    status: () => {
      throw new Error('nor this')
    },
  })
  await until('it is live', () => following.status === 'live')
  await count(app, 'anna', [1, 2, 3, 4, 5])
  await until('it is closed', () => following.status === 'closed')
  expect(numbers).toEqual([1, 2, 3, 4])
  await until('its connection too', async () => (await app.http.get('/ws/stats')).json().total_connections === 0)
  expect(page.reported.map(String)).toEqual([
    ...['Error: nor this', 'Error: nor this'],
    ...['Error: not this one', 'Error: nor this'],
  ])
  const again = new Counted(client, following.at)
  await until('the last has come', () => again.numbers.length === 1)
  expect(again.numbers).toEqual([5])
})

test('a token that cannot be had is told, and asked for again', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  let asked = 0
  const counted = new Counted(
    page.client(async () => {
      asked += 1
      if (asked < 4) throw new Error(`away ${asked}`)
      return 'anna'
    }),
  )
  await until('it is live', () => counted.status === 'live')
  expect(counted.errors.map(({ message }) => message)).toEqual(['away 1', 'away 2', 'away 3'])
  expect(counted.statuses).toEqual(['connecting', 'live'])
})

test('a client that is closed ends all of it, and begins nothing', async () => {
  await using app = await liveApp()
  using page = new Page(app)
  const client = page.client(anna)
  const first = new Counted(client)
  await until('it is live', () => first.status === 'live')
  client.close()
  const second = new Counted(client)
  await until('both are told', () => first.status === 'closed' && second.status === 'closed')
  expect(page.sockets).toHaveLength(1)
  page.show()
  client.renew()
  expect([first.following.status, second.following.status]).toEqual(['closed', 'closed'])
})

test('outside of a page a client has to know where its app is', async () => {
  await using app = await liveApp()
  expect(() => new Client({ token: anna }, surroundings())).toThrow('url has to be the app')
  expect(() => new Client({ token: anna, url: 'ftp://example.org' }, surroundings())).toThrow('ftp://example.org')
  const client = new Client<Record<'counts', { type: string }>>({ token: anna, url: app.url }, surroundings())
  const following = client.follow('counts', { message: () => {} })
  await until('it is live', () => following.status === 'live')
  client.close()
})
