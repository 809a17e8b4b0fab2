import { startKafka } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { FaultStage } from './fault-stage.fixture.ts'

const kills = Number(process.env['KILLS'] ?? 2)

test(`the only broker is killed, and started again, ${kills} times under load: everything waits, and goes on by itself`, {
  timeout: 60_000 + kills * 40_000,
}, async () => {
  await using kafka = await startKafka()
  const [broker] = kafka.brokers
  await using stage = await FaultStage.open({ kafkaBrokers: [kafka.bootstrap] })
  const app = await stage.start({ pace: { every: 200, ms: 20 } })
  stage.load(app)

  await stage.goesOn()
  for (let kill = 0; kill < kills; kill += 1) {
    await broker?.kill()
    // What units of work publish is in the outbox, whether Kafka is there or not.
    await stage.moreAcknowledged()
    await broker?.start()
    const took = await stage.goesOn()
    process.stdout.write(`broker-restarted: went on ${Math.round(took)} ms after the start\n`)
  }
  await stage.examine()

  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  for (const part of ['produce', 'fetch']) {
    expect(metrics).toMatch(new RegExp(`^millrace_broker_faults_total{broker="kafka",part="${part}"} [1-9]`, 'm'))
  }
  expect(stage.traffic.unanswered).toBe(0)
  app.signal('SIGTERM')
  expect(await app.ended).toBe(0)
})
