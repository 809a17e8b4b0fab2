import { freePort, startKafka } from '@millrace/tools/kafka'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { describe, expect, test } from 'vitest'
import type { ProduceResult } from '../../ports/broker.ts'
import { codeIn, record, stageOn, valuesIn } from './kafka.fixture.ts'
import { Traffic } from './traffic.fixture.ts'

const unavailable = { code: 'BROKER_UNAVAILABLE' }

describe('a broker that is stopped and resumed', () => {
  // With the short one, several attempts wait in the stopped broker’s sockets.
  test.each([15_000, 300])(
    'takes what it was handed once, and nothing else; requests wait %i ms',
    async (requestTimeout) => {
      await using kafka = await startKafka()
      const [broker] = kafka.brokers
      await using stage = stageOn([kafka.bootstrap], { produceTimeout: '1s', client: { requestTimeout } })
      const topic = await stage.topic(1)
      const produce = (value: string) => stage.producer.produce([record(topic, 'a', value)])
      const taken: string[] = []
      const handedOver = async () => {
        for (let n = 0; ; n += 1) {
          const answered = await produce(`${n}`).then(Boolean, () => false)
          taken.push(`${n}`)
          if (!answered) return
        }
      }
      await produce('before')

      // It takes the system a moment to stop it.
      broker?.pause()
      await handedOver()
      const began = performance.now()
      await expect(produce('too late')).rejects.toMatchObject(unavailable)
      expect(performance.now() - began).toBeLessThan(2_000)
      broker?.resume()

      const after = () => produce('after').then(Boolean, () => false)
      await expect.poll(after, { timeout: 20_000 }).toBe(true)
      expect((await stage.read(topic)).map((records) => valuesIn(records))).toEqual([['before', ...taken, 'after']])
    },
  )

  test('does not keep the process from stopping', async () => {
    await using kafka = await startKafka()
    await using stage = stageOn([kafka.bootstrap])
    const topic = await stage.topic(1)
    kafka.brokers[0]?.pause()
    const under = stage.producer.produce([record(topic, 'a', 'x')])
    under.catch(() => {})

    await stage.producer.stop()

    await expect(under).rejects.toMatchObject(unavailable)
    kafka.brokers[0]?.resume()
  })
})

test('a broker that is killed and restarted loses, repeats and reverses nothing', async () => {
  await using kafka = await startKafka()
  const [broker] = kafka.brokers
  await using stage = stageOn([kafka.bootstrap])
  const topic = await stage.topic(3)
  const traffic = new Traffic(stage, topic, 12)

  for (let kill = 0; kill < 3; kill += 1) {
    await traffic.progress()
    await broker?.kill()
    await broker?.start()
  }

  await traffic.progress()
  await traffic.end()
  await traffic.expectExact()
}, 120_000)

test('connections that are reset again and again, with answers on their way, lose, repeat and reverse nothing', async () => {
  const port = await freePort()
  await using kafka = await startKafka({ proxyPorts: [port] })
  await using proxy = await TcpProxy.listen(kafka.brokers[0]?.proxiedPort ?? 0, port)
  await using stage = stageOn([kafka.proxied?.bootstrap ?? ''])
  const topic = await stage.topic(4)
  const traffic = new Traffic(stage, topic, 16)

  for (let round = 0; round < 40; round += 1) {
    await traffic.more(1 + ((round * 37) % 200))
    proxy.slowDown(2)
    await traffic.more(1)
    proxy.cut()
    proxy.mend()
  }

  await traffic.progress()
  await traffic.end()
  await traffic.expectExact()
}, 60_000)

describe('three brokers', () => {
  const settings = {
    'default.replication.factor': '3',
    'min.insync.replicas': '2',
    // How soon a broker that is gone is noticed.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
  }

  test('of which one after the other is killed lose, repeat and reverse nothing, and go on within seconds', async () => {
    await using kafka = await startKafka({ brokers: 3, settings })
    await using stage = stageOn(kafka.bootstrap.split(','))
    const topic = await stage.topic(6)
    expect(new Set(await stage.topics.leadersOf(topic)).size).toBe(3)
    const traffic = new Traffic(stage, topic, 18)

    for (const broker of kafka.brokers.slice(0, 2)) {
      await traffic.progress()
      await broker.kill()
      const killed = performance.now()
      await traffic.progress()
      expect(performance.now() - killed).toBeLessThan(20_000)
      await broker.start()
    }

    await traffic.progress()
    await traffic.end()
    await traffic.expectExact()
  }, 180_000)

  test('of which one hangs go on, and when it goes on it repeats nothing', async () => {
    await using kafka = await startKafka({ brokers: 3, settings })
    await using stage = stageOn(kafka.bootstrap.split(','), { client: { requestTimeout: 2_000 } })
    const topic = await stage.topic(6)
    const traffic = new Traffic(stage, topic, 18)
    await traffic.progress()

    kafka.brokers[0]?.pause()
    await traffic.progress()
    kafka.brokers[0]?.resume()

    await traffic.progress()
    await traffic.end()
    await traffic.expectExact()
  }, 180_000)

  test('of which one is missing hold up only what needs all; what nobody waits for any longer is never written', async () => {
    await using kafka = await startKafka({ brokers: 3, settings })
    await using stage = stageOn(kafka.bootstrap.split(','), { produceTimeout: '1s', client: { timeout: 1_000 } })
    const [strict, fine] = [await stage.topic(1, { 'min.insync.replicas': '3' }), await stage.topic(3)]
    const produce = (value: string) =>
      stage.producer.produce([record(strict, 'a', value), ...['a', 'b', 'c'].map((key) => record(fine, key, value))])
    const isRefused = (result: ProduceResult | undefined) =>
      result !== undefined && 'error' in result && result.error.message.includes('NOT_ENOUGH_REPLICAS')
    await kafka.brokers[2]?.kill()

    // What comes before the others know that it is missing may be taken, and waits to be confirmed.
    await expect.poll(async () => isRefused((await produce('early'))[0]), { timeout: 20_000 }).toBe(true)
    const results = await produce('given up')

    expect(results.map(codeIn)).toEqual(['BROKER_UNAVAILABLE', undefined, undefined, undefined])
    await kafka.brokers[2]?.start()
    const after = async () => codeIn((await produce('after'))[0])
    await expect.poll(after, { timeout: 20_000 }).toBe(undefined)
    expect((await stage.read(strict)).flatMap((read) => valuesIn(read))).not.toContain('given up')
  }, 120_000)
})
