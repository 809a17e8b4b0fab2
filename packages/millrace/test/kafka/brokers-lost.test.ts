import { type KafkaCluster, runKafkaTool, startKafka } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { until } from '../faults/until.ts'
import { FaultStage } from './fault-stage.fixture.ts'

const kills = Number(process.env['KILLS'] ?? 2)

test(`${kills} times one of three brokers is killed under load, and is back before the next one is: everything goes on with two`, {
  timeout: 60_000 + kills * 60_000,
}, async () => {
  await using kafka = await startKafka({ brokers: 3 })
  await using stage = await FaultStage.open({ kafkaBrokers: kafka.bootstrap.split(',') })
  const app = await stage.start({ pace: { every: 200, ms: 20 } })
  stage.load(app)

  await stage.goesOn()
  for (let kill = 0; kill < kills; kill += 1) {
    const broker = kafka.brokers[kill % 3]
    await broker?.kill()
    const took = await stage.goesOn()
    process.stdout.write(`brokers-lost: went on ${Math.round(took)} ms after broker ${broker?.id} was killed\n`)
    await broker?.start()
    await until('it has caught up', () => isWhole(kafka), 60_000)
    await stage.goesOn()
  }
  await stage.examine()

  expect(stage.traffic.refusals).toEqual([])
  expect(stage.traffic.unanswered).toBe(0)
  app.signal('SIGTERM')
  expect(await app.ended).toBe(0)
})

/** Whether all replicas have all records: otherwise the loss of another broker would be one too many. */
async function isWhole(kafka: KafkaCluster): Promise<boolean> {
  const { stdout } = await runKafkaTool(kafka, 'topics', ['--describe', '--under-replicated-partitions'])
  return stdout.toString().trim() === ''
}
