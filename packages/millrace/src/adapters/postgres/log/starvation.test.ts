import { expect, test } from 'vitest'
import { Audience, produce, record } from '../../../conformance/broker/stage.ts'
import { createTestLog } from './log.fixture.ts'

/** How long the locks are held: longer than the session. */
const heldForSeconds = 5
/** How long a read may take meanwhile: less than a wait for a lock. */
const soonMs = 1_500

test('signs of life and reads go on while everything that waits for locks waits', async () => {
  await using log = await createTestLog()
  const [here, holder] = await Promise.all([log.connect({ sessionTimeout: '2s' }), log.connect()])
  const { broker, database } = here
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await produce(broker, [record('topic', 'key', 'before')])
  const audience = new Audience()
  await broker.join({ group: 'group', topics: ['topic'], listener: audience })
  await audience.holds(1)
  const held = Promise.withResolvers<void>()

  const holding = holder.database.transaction(async (transaction) => {
    await transaction.query(
      'SELECT pg_advisory_xact_lock(1819240303, millrace.log_lock(id, 0)) FROM millrace.log_topics',
    )
    await transaction.query(
      'SELECT pg_advisory_xact_lock(1819240304, hashtext(name)) FROM unnest($1::text[]) AS name',
      [['a', 'b', 'c', 'd']],
    )
    held.resolve()
    await transaction.query(`SELECT pg_sleep(${heldForSeconds})`)
  })
  await held.promise
  let over = false
  const waiting = [
    ...[1, 2, 3].map(() => produce(broker, [record('topic', 'key', 'during')])),
    ...['a', 'b', 'c', 'd'].map((group) => broker.join({ group, topics: ['topic'], listener: new Audience() })),
    // As the relay appends.
    database
      .transaction((transaction) => broker.appendIn(transaction, [record('topic', 'key', 'relayed')]), {
        share: 'system',
      })
      .catch(() => {}),
  ]
  const ended = holding.finally(() => {
    over = true
  })
  let slowest = 0
  while (!over) {
    const startedAt = performance.now()
    await broker.ranges('topic')
    slowest = Math.max(slowest, performance.now() - startedAt)
  }
  await Promise.all([ended, ...waiting])

  expect(slowest).toBeLessThan(soonMs)
  expect(audience.told).toEqual(['assigned topic/0'])
}, 60_000)
