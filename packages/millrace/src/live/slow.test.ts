import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { news } from './channels.fixture.ts'
import { liveApp, TestClient } from './live.fixture.ts'

const updates = 400
const padding = 'x'.repeat(50_000)

test('a client that stops reading costs little and nobody else, is dropped with its code, and resumes', async () => {
  await using app = await liveApp({ live: { patience: { bytes: 1_048_576, ms: 2_000 } } })
  using slow = new TestClient(app, { channel: 'news' })
  using quick = new TestClient(app, { channel: 'news', user: 'ben' })
  await until('they are connected', () => slow.has('connected') && quick.has('connected'))
  slow.socket.pause()
  for (let n = 1; n <= updates; n += 1) {
    await app.millrace.transaction(async (unit) => unit.push(news, 'all', { type: 'told', data: { n, padding } }))
  }
  await until('the other has all', () => quick.numbers.length === updates)
  const metrics = (await app.http.get('/metrics')).body
  expect(metrics).toContain('millrace_live_closes_total{reason="slow"} 1')
  expect((await app.http.get('/ws/stats')).json().total_connections).toBe(1)
  slow.socket.resume()
  // The code comes where it reads again in time.
  expect([4408, 1006]).toContain((await slow.ended).code)
  expect(slow.numbers.length).toBeLessThan(updates)

  using resumed = new TestClient(app, { channel: 'news', resume: slow.at })
  const all = () => [...slow.numbers, ...resumed.numbers]
  await until('it has the rest', () => all().length === updates)
  expect(all()).toEqual(Array.from({ length: updates }, (_, n) => n + 1))
  expect(quick.numbers).toEqual(all())
  expect(resumed.has('reset')).toBe(false)
})
