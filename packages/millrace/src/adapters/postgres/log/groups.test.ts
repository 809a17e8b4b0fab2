import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Audience } from '../../../conformance/broker/stage.ts'
import type { Database } from '../../../ports/database.ts'
import { type Assignment, claim, release } from './assignments.ts'
import { createTestLog } from './log.fixture.ts'
import { Patience } from './patience.ts'

const one = '00000000-0000-4000-8000-000000000001'

/** Two partitions of a group, the later one first. */
async function twoAssignments(database: Database, owner: string | null, target: string | null): Promise<Assignment[]> {
  await database.query(
    `INSERT INTO millrace.log_assignments (group_name, topic_id, partition, owner, target)
     VALUES ('group', 1, 1, $1, $2), ('group', 1, 0, $1, $2)`,
    [owner, target],
  )
  return [1, 0].map((partition) => ({ group: 'group', topic: 1, partition, owner, target, epoch: 0 }))
}

/** Resolves when a statement of this database waits for a row's lock. */
async function someoneWaits(database: Database): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await database.query(waiting)).rows.length === 0) await pause(5)
}

/** Which partitions' rows nobody has locked. */
async function unlocked(database: Database): Promise<number[]> {
  const { rows } = await database.query<{ partition: number }>(
    'SELECT partition FROM millrace.log_assignments ORDER BY partition FOR UPDATE SKIP LOCKED',
  )
  return rows.map(({ partition }) => partition)
}

for (const [what, owner, change] of [
  ['giving partitions up', one, release],
  ['claiming partitions', null, claim],
] as const) {
  test(`${what} locks them in the order in which a rebalance does`, async () => {
    await using log = await createTestLog()
    const { database } = await log.connect()
    const assignments = await twoAssignments(database, owner, one)

    const changing = await database.transaction(async (rebalance) => {
      await rebalance.query('SELECT FROM millrace.log_assignments WHERE partition = 1 FOR UPDATE')
      const pending = change({ database, patience: new Patience(database) }, assignments)
      await someoneWaits(database)
      expect(await unlocked(database)).toEqual([])
      return { pending }
    })
    await changing.pending
  })
}

test('giving partitions up locks all of them before the version of their group', async () => {
  await using log = await createTestLog()
  const { database } = await log.connect()
  const assignments = await twoAssignments(database, one, one)
  await database.query("INSERT INTO millrace.log_groups (name, version) VALUES ('group', 1)")

  const changing = await database.transaction(async (rebalance) => {
    await rebalance.query('SELECT FROM millrace.log_assignments WHERE partition = 1 FOR UPDATE')
    const pending = release({ database, patience: new Patience(database) }, assignments)
    await someoneWaits(database)
    const { rows } = await database.query('SELECT FROM millrace.log_groups FOR UPDATE SKIP LOCKED')
    expect(rows).toHaveLength(1)
    return { pending }
  })
  await changing.pending
  const { rows } = await database.query<{ version: string }>('SELECT version FROM millrace.log_groups')
  expect(rows).toEqual([{ version: '2' }])
})

test('after the clock was set back, who died before is noticed, and who lives loses nothing', async () => {
  await using log = await createTestLog()
  const [here, other] = await Promise.all([log.connect(), log.connect()])
  await here.broker.ensureTopics([{ name: 'topic', partitions: 2 }])
  const [living, dying] = [new Audience('living'), new Audience('dying')]
  await here.broker.join({ group: 'group', topics: ['topic'], listener: living })
  await other.broker.join({ group: 'group', topics: ['topic'], listener: dying })
  await Promise.all([living.holds(1), dying.holds(1)])

  await other.database.stop()
  await here.database.query("UPDATE millrace.log_processes SET seen_at = seen_at + interval '1 hour'")
  await living.holds(2)

  expect(living.told.filter((what) => what.startsWith('lost'))).toEqual([])
})
