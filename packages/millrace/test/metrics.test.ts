import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic, metricCatalogue, metricPrefix } from '../src/index.ts'
import { type TestApp, testApp } from '../src/testing/index.ts'
import { defaultKafkaBrokers } from '../src/testing/kafka.ts'
import { RestartablePostgres } from './faults/restartable-postgres.ts'
import { until } from './faults/until.ts'
import { scrape } from './scrape.fixture.ts'

const jobs = defineTopic('jobs', {
  key: (event) => event.data.key,
  events: { Job: z.object({ key: z.string(), fails: z.boolean() }), Ignored: z.object({ key: z.string() }) },
})
const clicks = defineTopic('clicks', { publish: 'direct', events: { Click: z.object({ n: z.int() }) } })
const { Job, Ignored } = jobs.events
const { Click } = clicks.events
const mainLane = defaultKafkaBrokers() ? 'kafka' : 'postgres'

const working = defineConsumer({
  name: 'working',
  topic: jobs,
  retry: { attempts: 2, backoff: () => 1 },
  prepare: { Job: async () => 'ready' },
  on: {
    Job: ({ data }) => {
      if (data.fails) throw new Error('it fails')
    },
  },
})
/** Never done with what it has begun. */
const { promise: gate, resolve: openGate } = Promise.withResolvers<void>()
const stuck = defineConsumer({ name: 'stuck', topic: clicks, on: { Click: () => gate } })
const everything = defineModule({ name: 'everything', topics: [jobs, clicks], consumers: [working, stuck] })

async function publishJobs(t: TestApp, keys: readonly string[], fails = false): Promise<void> {
  await t.millrace.transaction(async (unit) => {
    for (const key of keys) unit.publish(Job({ key, fails }))
  })
}

test('a running app tells of exactly what the catalogue has, well-formed', async () => {
  await using t = await testApp({ modules: [everything] })
  openGate()
  const { families } = await scrape(t)
  const own = [...families].filter(([name]) => name.startsWith(metricPrefix))
  const catalogued = Object.entries(metricCatalogue).map(([name, { type }]) => [metricPrefix + name, type])
  expect(Object.fromEntries(own)).toEqual(Object.fromEntries(catalogued))
  expect(families.get('process_resident_memory_bytes')).toBe('gauge')
  expect(families.get('nodejs_eventloop_lag_seconds')).toBe('gauge')
})

test('records, handlers, dead letters and the relay are counted', async () => {
  await using t = await testApp({ modules: [everything], topicPartitions: 1 })
  openGate()
  await publishJobs(t, ['a', 'b', 'c'])
  await publishJobs(t, ['d'], true)
  await t.millrace.transaction(async (unit) => unit.publish(Ignored({ key: 'e' })))
  await t.millrace.publish(Click({ n: 1 }))
  await t.settled()
  const { value } = await scrape(t)
  const of = (name: string) => value(`millrace_${name}`, { consumer: 'working' })
  expect(of('records_handled_total')).toBe(3)
  expect(of('records_unhandled_total')).toBe(1)
  expect(of('records_failed_total')).toBe(2)
  expect(of('records_parked_total')).toBe(1)
  expect(of('records_dead_total')).toBe(1)
  expect(of('dead_letters')).toBe(1)
  expect(of('breaker_open')).toBe(0)
  expect(of('consumer_partitions')).toBe(1)
  expect(of('partitions_assigned_total')).toBe(1)
  expect(of('prepare_duration_seconds_count')).toBeGreaterThanOrEqual(5)
  expect(of('handler_duration_seconds_count')).toBeGreaterThanOrEqual(1)
  expect(of('chunk_duration_seconds_count')).toBeGreaterThanOrEqual(of('chunk_records_count') ?? 1)
  expect(of('chunk_records_sum')).toBe(5)
  expect(value('millrace_relay_leading', { lane: mainLane })).toBe(1)
  expect(value('millrace_relay_records_total', { lane: mainLane })).toBe(5)
  expect(value('millrace_relay_progress_timestamp_seconds', { lane: mainLane })).toBeGreaterThan(
    Date.now() / 1_000 - 60,
  )
  expect(value('millrace_direct_records_total', { topic: 'clicks' })).toBe(1)
  expect(value('millrace_direct_requests_total', { topic: 'clicks' })).toBe(1)
  expect(value('millrace_direct_request_duration_seconds_count', { topic: 'clicks' })).toBe(1)
  const fetches = { broker: 'kafka', part: 'fetch' }
  expect(value('millrace_broker_faults_total', fetches)).toBe(mainLane === 'kafka' ? 0 : undefined)
  expect(value('millrace_database_answering')).toBe(1)
  expect(value('millrace_database_connections', { share: 'system' })).toBeGreaterThanOrEqual(0)
  expect(value('millrace_build_info', { app: 'test', node: process.version })).toBe(1)
  // Counted every few seconds.
  await until('nothing is parked', async () => {
    return (await scrape(t)).value('millrace_parked_records', { consumer: 'working' }) === 0
  })
  const http = { route: '/metrics', status: '200' }
  expect((await scrape(t)).value('millrace_http_request_duration_seconds_count', http)).toBeGreaterThan(0)
})

test('work that was done twice is counted', async () => {
  await using t = await testApp({ modules: [everything], topicPartitions: 1 })
  await publishJobs(t, ['a'])
  await t.settled()
  // As another member does that has taken the partition over.
  await t.database.query('UPDATE millrace.position SET generation = generation + 1')
  await publishJobs(t, ['b'])
  await t.settled()
  const { value } = await scrape(t)
  expect(value('millrace_positions_moved_total', { consumer: 'working' })).toBe(1)
  expect(value('millrace_records_handled_total', { consumer: 'working' })).toBe(2)
})

test('lag is told in records and in seconds by the process that has the partition, and goes with it', async () => {
  const { promise: blocked, resolve: unblock } = Promise.withResolvers<void>()
  const slow = defineConsumer({ name: 'slow', topic: clicks, on: { Click: () => blocked } })
  const module = defineModule({ name: 'slow', topics: [clicks], consumers: [slow] })
  await using t = await testApp({ modules: [module], topicPartitions: 2 })
  for (let n = 0; n < 3; n += 1) await t.millrace.publish(Click({ n }))
  const lag = async () => {
    const { series, value } = await scrape(t)
    const partitions = series('millrace_consumer_lag_records')
    const sum = (name: string) =>
      partitions.reduce((total, labels) => total + (value(`millrace_${name}`, labels) ?? 0), 0)
    return { partitions: partitions.length, records: sum('consumer_lag_records'), seconds: sum('consumer_lag_seconds') }
  }
  await until('the lag is told', async () => {
    const { partitions, records, seconds } = await lag()
    return partitions === 2 && records === 3 && seconds > 0.05
  })
  const blockedFor = (await lag()).seconds
  await until('it grows', async () => (await lag()).seconds > blockedFor + 0.1)
  unblock()
  await t.settled()
  expect(await lag()).toEqual({ partitions: 2, records: 0, seconds: 0 })

  await using other = await testApp({ modules: [module], databaseUrl: t.databaseUrl })
  await until('each has one', async () => {
    const here = (await scrape(t)).series('millrace_consumer_lag_records')
    const there = (await scrape(other)).series('millrace_consumer_lag_records')
    return here.length === 1 && there.length === 1 && here[0]?.['partition'] !== there[0]?.['partition']
  })
  const { value } = await scrape(t)
  expect(value('millrace_partitions_revoked_total', { consumer: 'slow' })).toBeGreaterThanOrEqual(1)
  expect(value('millrace_drain_duration_seconds_count', { consumer: 'slow' })).toBeGreaterThanOrEqual(1)
  expect(value('millrace_drains_timed_out_total', { consumer: 'slow' })).toBe(0)
})

test('the outbox is told with depth and age while nothing relays it', async () => {
  await using t = await testApp({ modules: [everything], roles: ['api'] })
  await publishJobs(t, ['a', 'b', 'c'])
  const { value } = await scrape(t)
  expect(value('millrace_outbox_records', { lane: mainLane })).toBe(3)
  expect(value('millrace_outbox_age_seconds', { lane: mainLane })).toBeGreaterThan(0)
  expect(value('millrace_relay_leading', { lane: mainLane })).toBe(0)
})

test('a scrape answers within a second while the database is away, and leaves out what it would have said', async () => {
  await using postgres = await RestartablePostgres.start()
  await using t = await testApp({ modules: [everything], databaseUrl: postgres.url })
  openGate()
  expect((await scrape(t)).value('millrace_database_answering')).toBe(1)
  postgres.crash()
  let longest = 0
  await until('it is noticed', async () => {
    const started = performance.now()
    const { value } = await scrape(t)
    longest = Math.max(longest, performance.now() - started)
    return (
      value('millrace_database_answering') === 0 && value('millrace_outbox_records', { lane: mainLane }) === undefined
    )
  })
  expect(longest).toBeLessThan(1_000)
  await postgres.start()
  await until('it is back', async () => (await scrape(t)).value('millrace_database_answering') === 1)
})
