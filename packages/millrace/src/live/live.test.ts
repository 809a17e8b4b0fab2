import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { count, liveApp, news, TestClient } from './live.fixture.ts'

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

test('a client that comes again is given exactly what it missed, by any process, also after a restart', async () => {
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
  for (const app of [first, second]) {
    using after = new TestClient(app, { resume: before.at })
    await until('it has what it missed', () => after.numbers.length === 2)
    expect(after.frames[0]).toEqual({ type: 'connected', at: before.at })
    await count(first, 'anna', [6])
    await until('it is live again', () => after.numbers.length === 3)
    expect(after.numbers).toEqual([3, 5, 6])
    await count(first, 'anna', [])
    before.at = after.at
    await count(first, 'anna', [3])
    await count(first, 'anna', [5])
    await until('as before', () => after.numbers.length === 5)
  }
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
