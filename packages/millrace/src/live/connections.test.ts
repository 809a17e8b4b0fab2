import { expect, test } from 'vitest'
import * as z from 'zod'
import { until } from '../../test/faults/until.ts'
import { defineChannel } from '../core/channel.ts'
import { defineModule } from '../core/module.ts'
import { get } from '../http/server.fixture.ts'
import { authenticate, liveModules } from './channels.fixture.ts'
import { count, liveApp, TestClient } from './live.fixture.ts'

test('who may not connect is told so', async () => {
  await using app = await liveApp()
  const refused = async (options: ConstructorParameters<typeof TestClient>[1]) => {
    using client = new TestClient(app, options)
    return (await client.ended).code
  }
  expect(await refused({ user: 'nobody' })).toBe(4401)
  expect(await refused({ user: '' })).toBe(4401)
  expect(await refused({ user: `anna/${Date.now() - 1}` })).toBe(4419)
  expect(await refused({ channel: 'others' })).toBe(404)
  expect(await refused({ user: 'broken' })).toBe(500)
  expect(await refused({ ws: { origin: 'https://elsewhere.example' } })).toBe(403)
  using bearer = new TestClient(app, { user: '', ws: { headers: { authorization: 'Bearer anna' } } })
  using page = new TestClient(app, { ws: { origin: app.url } })
  await until('they are connected', () => bearer.has('connected') && page.has('connected'))
  expect((await app.http.get('/ws/counts')).statusCode).toBe(426)
  expect((await app.http.get('/ws/others')).statusCode).toBe(404)
})

test('a request that offers another protocol is answered in HTTP', async () => {
  await using app = await liveApp()
  const offer = async (upgrade: string, path: string) => {
    const headers = { connection: 'upgrade, http2-settings', upgrade, 'http2-settings': 'AAMAAABkAAQCAAAAAAIAAAAA' }
    return (await get(app.url, path, { headers })).statusCode
  }
  expect(await offer('h2c', '/health/live')).toBe(200)
  expect(await offer('websocket', '/health/live')).toBe(200)
  expect(await offer('h2c', '/ws/stats')).toBe(200)
})

test('a channel that cannot tell its audience serves nobody, and the others go on', async () => {
  const message = z.object({ type: z.string(), data: z.int() })
  const audience = () => {
    throw new Error('nobody knows')
  }
  const broken = defineModule({ name: 'broken', channels: [defineChannel('broken', { message, audience })] })
  await using app = await liveApp({ modules: [...liveModules, broken] })
  using client = new TestClient(app, { channel: 'broken' })
  expect((await client.ended).code).toBe(1013)
  using other = new TestClient(app)
  await until('it is connected', () => other.has('connected'))
})

test('without a way to tell who bears a token, everybody is refused', async () => {
  await using app = await liveApp({ http: { host: '127.0.0.1', port: 0 } })
  using client = new TestClient(app)
  expect((await client.ended).code).toBe(401)
})

test('origins that are listed may connect, and no others', async () => {
  const liveOrigins = ['https://console.example']
  await using app = await liveApp({ http: { host: '127.0.0.1', port: 0, authenticate, liveOrigins } })
  using listed = new TestClient(app, { ws: { origin: 'https://console.example' } })
  await until('it is connected', () => listed.has('connected'))
  for (const origin of ['https://example', 'https://console.example.org', 'null', 'nonsense']) {
    using other = new TestClient(app, { ws: { origin } })
    expect([origin, (await other.ended).code]).toEqual([origin, 403])
  }
})

test('a token that expires closes its connection; one that is refreshed in time does not', async () => {
  await using app = await liveApp()
  const soon = Date.now() + 1_500
  using expiring = new TestClient(app, { user: `anna/${soon}` })
  using refreshed = new TestClient(app, { user: `anna/${soon}` })
  using stranger = new TestClient(app, { user: `anna/${soon}` })
  const all = [expiring, refreshed, stranger]
  await until('they are connected', () => all.every((client) => client.has('connected')))
  refreshed.send({ type: 'auth', token: 'anna' })
  stranger.send({ type: 'auth', token: 'ben' })
  expect((await stranger.ended).code).toBe(4401)
  await until('the token is taken', () => refreshed.has('authenticated'))
  expect(await expiring.ended).toEqual({ code: 4419, reason: 'token expired' })
  await count(app, 'anna', [1])
  await until('it is live', () => refreshed.numbers.length === 1)
  expect(refreshed.hasEnded).toBe(false)
})

test('revocation closes a user’s connections on every process, and no others', async () => {
  await using app = await liveApp()
  await using other = await liveApp({ databaseUrl: app.databaseUrl })
  using here = new TestClient(app)
  using there = new TestClient(other)
  using ben = new TestClient(other, { user: 'ben' })
  await until('they are connected', () => [here, there, ben].every((client) => client.has('connected')))
  await app.millrace.live.revoke('anna')
  expect(await here.ended).toEqual({ code: 4401, reason: 'revoked' })
  expect(await there.ended).toEqual({ code: 4401, reason: 'revoked' })
  await count(app, 'ben', [1])
  await until('the other is live', () => ben.numbers.length === 1)
  // Whoever has a token that the app still takes may come again.
  using again = new TestClient(other, { resume: there.at })
  await until('it is connected', () => again.has('connected'))
})

test('the protocol: pings, positions in pongs, and what is none of it', async () => {
  await using app = await liveApp()
  using client = new TestClient(app)
  await until('it is connected', () => client.has('connected'))
  client.send('ping')
  await until('pong', () => client.texts.length === 1)
  expect(client.texts).toEqual(['pong'])
  // A client whose own channel is quiet comes along with the others': its position does not grow old.
  using witness = new TestClient(app, { user: 'ben' })
  await until('the other is connected', () => witness.has('connected'))
  await count(app, 'ben', [1])
  await until('the other has its update', () => witness.numbers.length === 1)
  client.send({ type: 'ping' })
  await until('pong', () => client.has('pong'))
  expect(client.at).toBe(witness.at)

  client.send('{"type":"nothing we know"}')
  expect((await client.ended).code).toBe(4400)
  using binary = new TestClient(app)
  await until('it is connected', () => binary.has('connected'))
  binary.socket.send(Buffer.from('ping'))
  expect((await binary.ended).code).toBe(4400)
  using large = new TestClient(app)
  await until('it is connected', () => large.has('connected'))
  large.send('x'.repeat(20_000))
  expect((await large.ended).code).toBe(1009)
  using talkative = new TestClient(app)
  await until('it is connected', () => talkative.has('connected'))
  for (let times = 0; times < 150; times += 1) talkative.send('ping')
  expect((await talkative.ended).code).toBe(4400)
})

test('connections are limited by user and by process', async () => {
  await using app = await liveApp({ live: { connections: 3, connectionsPerUser: 2 } })
  const open = async (user: string) => {
    const client = new TestClient(app, { user })
    await Promise.race([client.ended, until('it is connected', () => client.has('connected') || client.hasEnded)])
    return client
  }
  using first = await open('anna')
  using second = await open('anna')
  using third = await open('anna')
  expect((await third.ended).code).toBe(4429)
  using ben = await open('ben')
  using carl = await open('carl')
  expect((await carl.ended).code).toBe(503)
  ben.socket.close()
  await ben.ended
  await until('there is room', async () => (await app.http.get('/ws/stats')).json().total_connections === 2)
  using later = await open('carl')
  expect([first, second, later].map(({ hasEnded }) => hasEnded)).toEqual([false, false, false])
})

test('a process that stops sends its clients to others, where they go on', async () => {
  await using app = await liveApp()
  const leaving = await liveApp({ databaseUrl: app.databaseUrl })
  const clients = Array.from(
    { length: 30 },
    (_, n) => new TestClient(leaving, { channel: 'news', user: `reader-${n}` }),
  )
  const counting = new TestClient(leaving)
  await until('they are connected', () => [...clients, counting].every((client) => client.has('connected')))
  await count(app, 'anna', [1])
  await until('it is live', () => counting.numbers.length === 1)
  const stopped = leaving.stop()
  expect(await counting.ended).toEqual({ code: 1012, reason: 'going away: resume' })
  await count(app, 'anna', [2])
  using resumed = new TestClient(app, { resume: counting.at })
  await until('it goes on', () => resumed.numbers.length === 1)
  expect(resumed.numbers).toEqual([2])
  await stopped
  expect((await Promise.all(clients.map(({ ended }) => ended))).map(({ code }) => code)).toEqual(Array(30).fill(1012))
})
