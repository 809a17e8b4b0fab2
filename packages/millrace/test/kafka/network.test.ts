import { freePort, type KafkaCluster, startKafka } from '@millrace/tools/kafka'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ChildApp, partitionsOf } from '../faults/child-app.ts'
import { until } from '../faults/until.ts'
import { FaultStage } from './fault-stage.fixture.ts'

const timeout = 90_000

let kafka: KafkaCluster
let proxy: TcpProxy

beforeAll(async () => {
  const port = await freePort()
  kafka = await startKafka({ proxyPorts: [port] })
  proxy = await TcpProxy.listen(kafka.brokers[0]?.proxiedPort ?? 0, port)
})

afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await kafka.stop()
})

/** Sets a stage with an app behind the proxy, that has begun to work. */
async function open(): Promise<{ readonly stage: FaultStage; readonly app: ChildApp }> {
  const stage = await FaultStage.open({
    kafkaBrokers: [kafka.proxied?.bootstrap ?? ''],
    observedAt: [kafka.bootstrap],
  })
  const app = await stage.start({ pace: { every: 200, ms: 20 } })
  stage.load(app)
  await stage.goesOn()
  return { stage, app }
}

test.each([
  ['cut', () => proxy.cut()],
  ['a black hole', () => proxy.freeze()],
])(
  'the network to Kafka is %s for longer than a session: partitions are given up, and then everything goes on',
  {
    timeout,
  },
  async (what, fault) => {
    const { stage, app } = await open()
    await using _ = stage
    fault()
    await until('the partitions are given up', async () => (await partitionsOf(app)) === 0)
    // What units of work publish is in the outbox, whether Kafka is there or not.
    await stage.moreAcknowledged()
    proxy.mend()
    const took = await stage.goesOn()
    process.stdout.write(`network: went on ${Math.round(took)} ms after it was ${what}\n`)
    await stage.examine()

    app.signal('SIGTERM')
    expect(await app.ended).toBe(0)
  },
)

test('the network to Kafka is slow: everything goes on, later', { timeout }, async () => {
  const { stage, app } = await open()
  await using _ = stage
  proxy.slowDown(150)
  for (let look = 0; look < 3; look += 1) await stage.goesOn()
  proxy.mend()
  await stage.goesOn()
  await stage.examine()

  expect(app.log()).not.toContain('"level":"warn"')
})
