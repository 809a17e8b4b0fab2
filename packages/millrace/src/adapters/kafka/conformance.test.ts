import { freePort, type KafkaCluster, startKafka } from '@millrace/tools/kafka'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { afterAll, beforeAll } from 'vitest'
import { describeBroker } from '../../conformance/index.ts'
import { createKafkaBroker } from './index.ts'

const sessionTimeoutMs = 2_000

let kafka: KafkaCluster
let proxy: TcpProxy
let processes = 0

beforeAll(async () => {
  const port = await freePort()
  kafka = await startKafka({ proxyPorts: [port], settings: { 'message.max.bytes': '4000000' } })
  proxy = await TcpProxy.listen(kafka.brokers[0]?.proxiedPort ?? 0, port)
})

afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await kafka.stop()
})

describeBroker('Kafka', {
  sessionTimeoutMs,
  async create() {
    processes += 1
    const clientId = `process-${processes}`
    const broker = createKafkaBroker({
      brokers: [kafka.proxied?.bootstrap ?? ''],
      clientId,
      sessionTimeout: sessionTimeoutMs,
    })
    await broker.start()
    return { broker, kill: async () => proxy.silence(clientId), dispose: () => broker.stop() }
  },
  limits: {
    'moves nothing else when a newcomer gets its share':
      'on the classic protocol all members give everything up before it is shared out anew',
  },
})
