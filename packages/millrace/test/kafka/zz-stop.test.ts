import { freePort, startKafka } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { FaultStage } from './fault-stage.fixture.ts'

test.each(['kill', 'pause'] as const)('stop while %s', { timeout: 90_000 }, async (how) => {
  await using kafka = await startKafka()
  const [broker] = kafka.brokers
  await using stage = await FaultStage.open({ kafkaBrokers: [kafka.bootstrap] })
  const app = await stage.start({ pace: { every: 200, ms: 20 }, sessionTimeout: '10s' })
  stage.load(app)
  await stage.goesOn()
  await broker?.[how]()
  await stage.moreAcknowledged()
  const t0 = performance.now()
  app.signal('SIGTERM')
  const code = await app.ended
  console.log(how, 'ended', code, Math.round(performance.now() - t0))
  console.log(app.log().split('\n').map((l) => l.slice(0, 400)).join('\n'))
  broker?.resume()
  await broker?.start()
  const next = await stage.start()
  stage.traffic.redirect(next.url)
  await stage.goesOn()
  await stage.examine()
  expect(code).toBe(0)
})
