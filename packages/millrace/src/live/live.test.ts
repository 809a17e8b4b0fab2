import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { news } from './channels.fixture.ts'
import { count, liveApp, TestClient } from './live.fixture.ts'

test('a client is given what its user is pushed, in order, and nobody else is', async () => {
  await using app = await liveApp()
  using anna = new TestClient(app)
  using again = new TestClient(app, { channel: 'counts/' })
  using ben = new TestClient(app, { user: 'ben' })
  using reader = new TestClient(app, { channel: 'news', user: 'ben' })
  const all = [anna, again, ben, reader]
  await until('all are connected', () => all.every((client) => client.has('connected')))
  await count(app, 'anna', [1, 2])
  await count(app, 'ben', [3])
  await app.millrace.transaction(async (unit) => unit.push(news, 'all', { type: 'told', data: { n: 4 } }))
  await count(app, 'anna', [5])
  await until('all have come', () => anna.numbers.length + again.numbers.length + reader.numbers.length === 7)
  expect(all.map(({ numbers }) => numbers)).toEqual([[1, 2, 5], [1, 2, 5], [3], [4]])
  expect(anna.frames[1]).toEqual({ type: 'counted', data: { n: 1 }, at: expect.any(String) })

  expect((await app.http.get('/ws/stats')).json()).toEqual({
    total_connections: 4,
    user_connections: 2,
    channels: { counts: 3, news: 1 },
  })
})

test('a client that comes again is given exactly what it missed, also by a process that has started since', async () => {
  await using first = await liveApp()
  using before = new TestClient(first)
  await until('it is connected', () => before.has('connected'))
  await count(first, 'anna', [1, 2])
  await until('both have come', () => before.numbers.length === 2)
  before.socket.terminate()
  await count(first, 'anna', [3])
  await count(first, 'ben', [4])
  await count(first, 'anna', [5])

  await using second = await liveApp({ databaseUrl: first.databaseUrl })
  using here = new TestClient(first, { resume: before.at })
  using there = new TestClient(second, { resume: before.at })
  await until('they have what they missed', () => here.numbers.length === 2 && there.numbers.length === 2)
  await count(first, 'anna', [6])
  await until('they are live again', () => here.numbers.length === 3 && there.numbers.length === 3)
  expect([here.numbers, there.numbers]).toEqual([
    [3, 5, 6],
    [3, 5, 6],
  ])
  expect([here.frames[0], there.frames[0]]).toEqual(Array(2).fill({ type: 'connected', at: before.at }))
  expect([here.at, there.at]).toEqual(Array(2).fill(expect.any(String)))
  expect(here.at).toBe(there.at)
})

test('what cannot be resumed is reset, with a reason, and goes on from now', async () => {
  await using app = await liveApp({ live: { history: { ageMs: 600_000, bytes: 2_000 } } })
  using witness = new TestClient(app)
  await until('it is connected', () => witness.has('connected'))
  await count(app, 'anna', [1])
  await until('the first has come', () => witness.numbers.length === 1)
  const old = witness.at ?? ''
  await count(
    app,
    'anna',
    Array.from({ length: 20 }, (_, n) => n),
    'x'.repeat(100),
  )
  await until('the rest has come', () => witness.numbers.length === 21)
  const [epoch, offset = '', mark] = (witness.at ?? '').split('.')
  const tokens = {
    [old]: 'expired',
    nonsense: 'unknown',
    '': 'unknown',
    [`00000000.${offset}.${mark}`]: 'unknown',
    [`${epoch}.${offset}.zz`]: 'unknown',
    [`${epoch}.${Number(offset) + 5}.${mark}`]: 'unknown',
  }
  for (const [resume, reason] of Object.entries(tokens)) {
    using client = new TestClient(app, { resume })
    await until(`${resume} is answered`, () => client.frames.length === 2)
    const at = witness.at
    expect(client.frames).toEqual([
      { type: 'connected', at },
      { type: 'reset', reason, at },
    ])
    const given = witness.numbers.length
    await count(app, 'anna', [99])
    await until('it is live', () => client.numbers.length === 1 && witness.numbers.length === given + 1)
  }
})

test('updates of every size arrive whole', async () => {
  await using app = await liveApp()
  using client = new TestClient(app, { channel: 'news' })
  await until('it is connected', () => client.has('connected'))
  // Around the lengths from which a frame has a longer header.
  const sizes = [...Array(100).keys(), ...Array.from({ length: 80 }, (_, n) => 65_410 + n)]
  for (const [n, size] of sizes.entries()) {
    const padding = size % 2 === 0 ? 'x'.repeat(size) : `é${'x'.repeat(Math.max(0, size - 2))}`
    await app.millrace.transaction(async (unit) => unit.push(news, 'all', { type: 'told', data: { n, padding } }))
  }
  await until('all have come', () => client.numbers.length === sizes.length)
  expect(client.numbers).toEqual(sizes.map((_, n) => n))
  using later = new TestClient(app, { channel: 'news', resume: client.frames[0]?.at })
  await until('all have come again', () => later.numbers.length === sizes.length)
  expect(later.frames).toEqual(client.frames)
})
