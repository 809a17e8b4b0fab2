import { expect, test } from 'vitest'
import { Audience, produce, record } from '../../../conformance/broker/stage.ts'
import { Signal } from '../../../core/signal.ts'
import { unpackRecords } from './encoding.ts'
import { createPostgresBroker } from './index.ts'
import { createTestLog, type SeeStatement, type TestLog, watchedDatabase } from './log.fixture.ts'

/** A broker whose single statements are seen. */
async function watchedBroker(log: TestLog, seen: SeeStatement) {
  const database = watchedDatabase(log.url, seen)
  const broker = createPostgresBroker({ database, heartbeat: '50ms', sessionTimeout: '10s' })
  await broker.start()
  const stop = async () => {
    await broker.stop()
    await database.stop()
  }
  return { broker, [Symbol.asyncDispose]: stop }
}

test('an idle member costs one statement a heartbeat', async () => {
  await using log = await createTestLog()
  const seen: string[] = []
  const more = new Signal()
  await using process = await watchedBroker(log, ({ name, text }) => {
    seen.push(name ?? text)
    more.notify()
  })
  const { broker } = process
  const topics = [1, 2, 3].map((nth) => ({ name: `topic-${nth}`, partitions: 4 }))
  await broker.ensureTopics(topics)
  for (const { name } of topics) {
    const audience = new Audience()
    await broker.join({ group: `of ${name}`, topics: [name], listener: audience })
    await audience.holds(4)
  }
  const beats = async (count: number) => {
    seen.length = 0
    while (seen.filter((name) => name === 'millrace_log_beat').length < count) await more.wait()
    return seen
  }
  await beats(3)

  expect(new Set(await beats(5))).toEqual(new Set(['millrace_log_beat']))
})

test('a reader fetches no more ahead than a thousand records', async () => {
  await using log = await createTestLog()
  let fetched = 0
  await using process = await watchedBroker(log, ({ name }, { rows }) => {
    if (name !== 'millrace_log_read') return
    const last = unpackRecords(rows[0]?.['records'] as Buffer | null).at(-1)
    if (last) fetched = last.offset + 1
  })
  const { broker } = process
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await produce(
    broker,
    Array.from({ length: 5_000 }, (_, nth) => record('topic', 'key', String(nth))),
  )
  const audience = new Audience()
  await broker.join({ group: 'group', topics: ['topic'], listener: audience })
  await audience.holds(1)
  const reader = audience.partition('topic', 0).open(0)

  for (let read = 0; read < 5_000; ) {
    const records = await reader.read(100)
    read += records.length
    // Round trips in which an unbounded reader would have run away.
    await broker.ranges('topic')
    expect(fetched - read).toBeLessThanOrEqual(1_000)
  }
})
