import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { directMarks, outboxMarks, spine } from './spine.fixture.ts'
import { Traffic } from './traffic.ts'
import { until } from './until.ts'

/** Parts stop one after the other, each within its bound; under this load none of them should come near it. */
const stopMs = 10_000

test('SIGTERM under load: the app ends well and soon, and another goes on at once; nothing is lost', {
  timeout: 120_000,
}, async () => {
  // Has the database, and does nothing else.
  await using keeper = await testApp({ modules: [spine()], roles: [] })
  await using observer = await Observer.connect(keeper.databaseUrl)
  // A session of the default length: who takes over must not have to wait for its end.
  const options = { databaseUrl: keeper.databaseUrl, pace: { every: 20, ms: 10 }, sessionTimeout: '10s' } as const
  const ledger = new Ledger()
  let app = await startChildApp(options)
  const traffic = new Traffic(ledger, app.url)
  traffic.start(directMarks.name, 8)
  traffic.start(outboxMarks.name, 8)

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const acknowledged = ledger.acknowledgedCount
    await until('400 more acknowledged', () => ledger.acknowledgedCount >= acknowledged + 400)
    const began = performance.now()
    app.signal(signal)
    expect(await app.ended).toBe(0)
    const took = performance.now() - began
    process.stdout.write(`shutdown: ${signal} took ${Math.round(took)} ms\n`)
    expect(took).toBeLessThan(stopMs)
    expect(
      await observer.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [`spine ${app.pid}`]),
    ).toEqual([])
    expect(app.log()).not.toMatch(/"level":"(error|fatal)"|did not stop/)

    const handled = await observer.handled()
    app = await startChildApp(options)
    traffic.redirect(app.url)
    await until('the next goes on', async () => (await observer.handled()) > handled + 100, 5_000)
  }
  await traffic.stop()
  await until('all handled', () => observer.drained())

  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  expect(traffic.refusals.filter(({ status }) => status !== 503)).toEqual([])
})
