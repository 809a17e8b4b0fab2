import { Writable } from 'node:stream'
import { runKafkaTool } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { adminOf, adminToken } from '../../src/delivery/operations.fixture.ts'
import { recorder, Step, stepsModule } from '../../src/delivery/steps.fixture.ts'
import { createLogger } from '../../src/index.ts'
import { type TestApp, type TestAppOptions, testApp } from '../../src/testing/index.ts'
import { brokers, nameOnCluster, theCluster } from './cluster.fixture.ts'

/** Offsets are committed once a second, and topics looked at now and then. */
const soon = { timeout: 15_000 }

/** An app on Kafka whose consumer remembers what it was given, and which remembers what it logs. */
function start(options: Partial<TestAppOptions> & Pick<TestAppOptions, 'modules'>): Promise<TestApp> {
  const http = { host: '127.0.0.1', port: 0, adminToken }
  return testApp({ topicPartitions: 1, kafkaBrokers: brokers(), http, ...options })
}

async function publish(t: TestApp, ...numbers: number[]): Promise<void> {
  await t.millrace.transaction(async (unit) => unit.publish(...numbers.map((n) => Step({ key: 'key', n }))))
  await t.settled()
}

function listening(): { readonly logger: ReturnType<typeof createLogger>; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const destination = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { logger: createLogger({ level: 'info', destination }), lines }
}

async function committed(t: TestApp, group: string): Promise<unknown> {
  const { admin } = theCluster()
  const topics = [{ name: nameOnCluster(t, 'steps'), partitionIndexes: [0] }]
  const [found] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: nameOnCluster(t, group), topics }] })
  const partition = found?.topics[0]?.partitions[0]
  return partition && { offset: Number(partition.committedOffset), metadata: partition.metadata }
}

test('Kafka’s own tools see no lag once everything is handled', async () => {
  const { consumer } = recorder('followed')
  await using t = await start({ modules: [stepsModule(consumer)] })
  await publish(t, 1, 2, 3)

  await expect.poll(() => committed(t, 'followed'), soon).toEqual({ offset: 3, metadata: 'millrace' })
  const args = ['--describe', '--group', nameOnCluster(t, 'followed')]
  const { stdout } = await runKafkaTool(brokers().join(), 'consumer-groups', args)
  const [names, values] = stdout.toString().trim().split('\n').slice(-2)
  const row = Object.fromEntries(
    (names ?? '').split(/\s+/).map((name, nth) => [name, (values ?? '').split(/\s+/)[nth]]),
  )
  expect(row).toMatchObject({ PARTITION: '0', 'CURRENT-OFFSET': '3', 'LOG-END-OFFSET': '3', LAG: '0' })
})

test('what is handled last before a stop is committed too', async () => {
  const { consumer } = recorder('stopped')
  await using t = await start({ modules: [stepsModule(consumer)] })
  await publish(t, 1, 2)
  await t.app.stop()

  expect(await committed(t, 'stopped')).toEqual({ offset: 2, metadata: 'millrace' })
})

test('an offset that is set by Kafka’s tools is noticed and moves nothing', async () => {
  const first = recorder('reset')
  await using t = await start({ modules: [stepsModule(first.consumer)] })
  await publish(t, 1, 2, 3)
  await t.app.stop()
  const { admin } = theCluster()
  const topics = [{ name: nameOnCluster(t, 'steps'), partitionOffsets: [{ partition: 0, offset: 1n }] }]
  await admin.alterConsumerGroupOffsets({ groupId: nameOnCluster(t, 'reset'), topics })

  const again = recorder('reset')
  const { logger, lines } = listening()
  const modules = [stepsModule(again.consumer)]
  await using u = await start({ modules, databaseUrl: t.databaseUrl, kafkaOptions: { logger } })
  const warning = { level: 'warn', group: nameOnCluster(t, 'reset'), partition: 0, offset: 1, position: 3 }
  await expect.poll(() => lines).toContainEqual(expect.objectContaining(warning))
  await publish(u, 4)
  expect(again.seen).toEqual([4])
  await expect.poll(() => committed(t, 'reset'), soon).toEqual({ offset: 4, metadata: 'millrace' })
})

test('the group’s offset follows a seek, also while the consumer is paused, and a replay moves none', async () => {
  const { consumer, seen } = recorder('sought')
  await using t = await start({ modules: [stepsModule(consumer)] })
  await publish(t, 1, 2, 3)
  const { post, get } = adminOf(t)
  const { id } = (await post('/consumers/sought/replays', { from: 'earliest' })).json()
  await expect.poll(async () => (await get(`/replays/${id}`)).json().state, soon).toBe('done')
  expect(seen).toEqual([1, 2, 3, 1, 2, 3])
  const { admin } = theCluster()
  const groups = [...(await admin.listGroups()).keys()]
  expect(groups.filter((group) => group.startsWith(nameOnCluster(t, '')))).toEqual([nameOnCluster(t, 'sought')])
  await expect.poll(() => committed(t, 'sought'), soon).toEqual({ offset: 3, metadata: 'millrace' })

  await post('/consumers/sought/pause')
  await post('/consumers/sought/seek', { to: 1 })
  await expect.poll(() => committed(t, 'sought'), soon).toEqual({ offset: 1, metadata: 'millrace' })
  await post('/consumers/sought/resume')
  await expect.poll(() => committed(t, 'sought'), soon).toEqual({ offset: 3, metadata: 'millrace' })
  expect(seen).toEqual([1, 2, 3, 1, 2, 3, 2, 3])
})

test('partitions that are added are read from their first record, and the order of each key is kept', async () => {
  const { consumer, seen } = recorder('grown')
  await using t = await start({ modules: [stepsModule(consumer)], kafkaOptions: { topicRefresh: '100ms' } })
  await publish(t, 1)
  await runKafkaTool(brokers().join(), 'topics', ['--alter', '--topic', nameOnCluster(t, 'steps'), '--partitions', '3'])
  const partitions = async () => (await t.http.get('/health/progress')).json().consumers[0]?.partitions.length
  await expect.poll(partitions, soon).toBe(3)

  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  await t.millrace.transaction(async (unit) => unit.publish(...keys.map((key, nth) => Step({ key, n: 10 + nth }))))
  await t.settled()
  expect(seen.toSorted((a, b) => a - b)).toEqual([1, 10, 11, 12, 13, 14, 15])
})

test('a topic that was created anew stops its consumer, which names it; it goes on when told to', async () => {
  const { consumer, seen } = recorder('recreated')
  const options = { topicRefresh: '100ms', sessionTimeout: '2s' } as const
  await using t = await start({ modules: [stepsModule(consumer)], progressTimeout: 0, kafkaOptions: options })
  await publish(t, 1, 2)
  const { admin } = theCluster()
  const name = nameOnCluster(t, 'steps')
  await admin.deleteTopics({ topics: [name] })
  await expect
    .poll(() => admin.createTopics({ topics: [name], partitions: 1, replicas: 1 }).then(Boolean, () => false))
    .toBe(true)
  await t.produce({ topic: 'steps', value: Buffer.from('{"key":"key","n":3}') })

  const problem = async () => (await t.http.get('/health/progress')).json().consumers[0]?.partitions[0]?.problem
  await expect.poll(problem, soon).toContain('Topic steps was deleted and created again')
  expect(seen).toEqual([1, 2])
  expect(await problem()).toContain('npx millrace consumers seek recreated --topic steps --to earliest')
  const sought = await adminOf(t).post('/consumers/recreated/seek', { to: 'earliest' })
  expect(sought.json()).toMatchObject({ partitions: [{ topic: 'steps', partition: 0, from: null, to: 0 }] })
  await expect.poll(() => seen, soon).toEqual([1, 2, 3])
  const { rows } = await t.database.query('SELECT next_offset::int AS next, generation FROM millrace.position')
  expect(rows).toEqual([{ next: 1, generation: 1 }])
})

test('what other programs write in transactions is handled when it is committed, and never when it is not', async () => {
  const { consumer, seen } = recorder('transactions')
  await using t = await start({ modules: [stepsModule(consumer)], progressTimeout: 0 })
  const topic = nameOnCluster(t, 'steps')
  const producer = theCluster().transactional(topic)
  const write = async (n: number, end: 'commit' | 'abort') => {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: [{ topic, partition: 0, value: Buffer.from(`{"key":"key","n":${n}}`) }] })
    await transaction[end]()
  }
  await write(1, 'commit')
  await write(2, 'abort')
  await write(3, 'abort')
  await write(4, 'commit')

  await expect.poll(() => seen).toEqual([1, 4])
  // Four records and four markers: the marker behind the last one is nobody's lag.
  await expect.poll(() => committed(t, 'transactions'), soon).toEqual({ offset: 8, metadata: 'millrace' })
  expect((await t.http.get('/health/progress')).json().consumers[0].ok).toBe(true)

  // It ends behind the last marker, and passes over what was aborted.
  const { post, get } = adminOf(t)
  const { id } = (await post('/consumers/transactions/replays', { from: 'earliest' })).json()
  await expect.poll(async () => (await get(`/replays/${id}`)).json().state, soon).toBe('done')
  expect(seen).toEqual([1, 4, 1, 4])
  expect((await get(`/replays/${id}`)).json().partitions).toMatchObject([{ to: 8, position: 8, parked: 0, dead: 0 }])
})
