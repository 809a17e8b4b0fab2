import { balance, type Candidate, type Share } from '../../../core/balance.ts'
import type { Statement } from '../../../core/unit.ts'
import type { Database, Transaction } from '../../../ports/database.ts'
import { lockKey } from '../session.ts'
import { integerArray } from './encoding.ts'
import type { Patience } from './patience.ts'

/** Notified when the assignment of a group has changed. */
export const groupChannel = 'millrace_group'

/** The class of the advisory locks of groups. */
const groupLocks = 1_819_240_304

/** A partition of a group that is, or shall be, a member's. */
export interface Assignment {
  readonly group: string
  readonly topic: number
  readonly partition: number
  readonly owner: string | null
  readonly target: string | null
  readonly epoch: number
}

/** A member as the database knows it. */
export interface MemberRow {
  readonly id: string
  readonly processId: string
  readonly group: string
  /** By number. */
  readonly topics: readonly number[]
}

/** Seen at the last heartbeat. */
export interface Pulse {
  /** False: the process was late, and its members are no more. */
  readonly alive: boolean
  /** Grows with each change of the group's assignment. */
  readonly versions: ReadonlyMap<string, number>
  /** Groups that have a member whose process is dead. */
  readonly groupsWithDead: readonly string[]
}

/** The session lock that a process holds for as long as its connections are there. */
export function presenceLock(processId: string): string {
  return `process ${processId}`
}

const silentMs = 'extract(epoch FROM clock_timestamp() - p.seen_at) * 1000'
const isLate = `${silentMs} > p.session_ms`

/**
 * Whether a process has died: it gave no sign of life for a session; or for a third of one, and its connections are gone.
 * Also a sign of life from the future: the clock was set back, and its process may have died long before it is reached.
 *
 * @param mayJudge an expression: whether connections say anything, which they do not soon after all were lost
 */
function isDead(mayJudge: string): string {
  const isGone = `pg_try_advisory_xact_lock(${lockKey("'process ' || p.id")})`
  return `coalesce(abs(${silentMs}) > p.session_ms
                   OR CASE WHEN ${mayJudge} AND abs(${silentMs}) * 3 > p.session_ms THEN ${isGone} ELSE false END, true)`
}

/**
 * Where groups are changed. Every change locks a group's assignments before its version, each in the order of their
 * keys, so that no two changes can block each other.
 */
export interface GroupStore {
  readonly database: Database
  readonly patience: Patience
}

/**
 * Shows that a process lives, and looks what has become of its groups. A sign of life from the future does not hinder a
 * process that lives: it knows by its own clock, which is never set, that it was not late.
 *
 * @param mayJudge whether processes that are silent and without connections are dead
 */
export async function beat(
  database: Database,
  { processId, groups, mayJudge }: { processId: string; groups: readonly string[]; mayJudge: boolean },
): Promise<Pulse> {
  const { rows } = await database
    .on('system')
    .query<{ alive: boolean; names: string[]; versions: string[]; dead: string[] }>({
      name: 'millrace_log_beat',
      text: `WITH beat AS (
             UPDATE millrace.log_processes p SET seen_at = clock_timestamp()
              WHERE p.id = $1 AND NOT ${isLate} RETURNING 1)
           SELECT EXISTS (SELECT FROM beat) AS alive,
                  array(SELECT name FROM millrace.log_groups WHERE name = ANY ($2) ORDER BY name) AS names,
                  array(SELECT version FROM millrace.log_groups WHERE name = ANY ($2) ORDER BY name) AS versions,
                  array(SELECT DISTINCT m.group_name
                          FROM millrace.log_members m LEFT JOIN millrace.log_processes p ON p.id = m.process_id
                         WHERE m.group_name = ANY ($2) AND ${isDead('$3')}) AS dead`,
      values: [processId, groups, mayJudge],
    })
  const { alive = false, names = [], versions = [], dead = [] } = rows[0] ?? {}
  return { alive, versions: new Map(names.map((name, nth) => [name, Number(versions[nth])])), groupsWithDead: dead }
}

/** Registers a member, and its process where that is new, and gives it a share of its group's partitions. */
export async function registerMember(where: GroupStore, member: MemberRow, sessionMs: number): Promise<void> {
  await changeGroup(where, member.group, async (transaction) => {
    transaction.send({
      text: `INSERT INTO millrace.log_processes (id, seen_at, session_ms) VALUES ($1, clock_timestamp(), $2)
             ON CONFLICT (id) DO NOTHING`,
      values: [member.processId, sessionMs],
    })
    transaction.send({
      // Tried again after a lost answer, the member may be there already.
      text: `INSERT INTO millrace.log_members (id, process_id, group_name, topics) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET process_id = excluded.process_id`,
      values: [member.id, member.processId, member.group, integerArray(member.topics)],
    })
  })
}

/** Takes a member out of its group, and gives its partitions to the others. */
export async function removeMember(where: GroupStore, member: MemberRow): Promise<void> {
  await changeGroup(where, member.group, async (transaction) => {
    transaction.send({ text: 'DELETE FROM millrace.log_members WHERE id = $1', values: [member.id] })
    transaction.send({
      text: `DELETE FROM millrace.log_processes p
              WHERE p.id = $1 AND NOT EXISTS (SELECT FROM millrace.log_members m WHERE m.process_id = p.id)`,
      values: [member.processId],
    })
  })
}

/** Takes the members of dead processes out of a group, and gives their partitions to the others. */
export async function removeDeadMembers(where: GroupStore, group: string, mayJudge: boolean): Promise<void> {
  await changeGroup(where, group, async () => {}, mayJudge)
}

/** What the members have, and shall have. */
export async function readAssignments(
  database: Database,
  groups: readonly string[],
  members: readonly string[],
): Promise<Assignment[]> {
  const { rows } = await database.on('system').query<AssignmentRow>({
    name: 'millrace_log_assignments',
    text: `${selectAssignments}
            WHERE group_name = ANY ($1) AND (owner = ANY ($2::uuid[]) OR target = ANY ($2::uuid[]))`,
    values: [groups, members],
  })
  return rows.map(toAssignment)
}

/** Makes the targets of partitions that nobody owns any more their owners. Answers those where that came about. */
export async function claim({ patience }: GroupStore, wanted: readonly Assignment[]): Promise<Assignment[]> {
  const statement: Statement = {
    name: 'millrace_log_claim',
    text: `WITH free AS (
             SELECT group_name, topic_id, partition
               FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[]) AS w (group_name, topic_id, partition, target)
               JOIN millrace.log_assignments a USING (group_name, topic_id, partition)
              WHERE a.target = w.target AND a.owner IS NULL
              ORDER BY group_name, topic_id, partition FOR UPDATE OF a)
           UPDATE millrace.log_assignments a SET owner = a.target, epoch = a.epoch + 1 FROM free f
            WHERE a.group_name = f.group_name AND a.topic_id = f.topic_id AND a.partition = f.partition
        RETURNING a.group_name AS "group", a.topic_id AS topic, a.partition, a.owner, a.target, a.epoch`,
    values: [...keysOf(wanted), wanted.map(({ target }) => target)],
  }
  const { rows } = await patience.transaction((transaction) => transaction.query<AssignmentRow>(statement))
  return rows.map(toAssignment)
}

/** Gives partitions up, so that their targets can claim them. */
export async function release({ database, patience }: GroupStore, given: readonly Assignment[]): Promise<void> {
  const statement: Statement = {
    name: 'millrace_log_release',
    text: `WITH held AS (
             SELECT group_name, topic_id, partition
               FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::bigint[])
                 AS g (group_name, topic_id, partition, owner, epoch)
               JOIN millrace.log_assignments a USING (group_name, topic_id, partition)
              WHERE a.owner = g.owner AND a.epoch = g.epoch
              ORDER BY group_name, topic_id, partition FOR UPDATE OF a),
           released AS (
             UPDATE millrace.log_assignments a SET owner = NULL FROM held h
              WHERE a.group_name = h.group_name AND a.topic_id = h.topic_id AND a.partition = h.partition
          RETURNING a.group_name)
           UPDATE millrace.log_groups SET version = version + 1 WHERE name IN (
             SELECT name FROM millrace.log_groups WHERE name = ANY (array(SELECT group_name FROM released))
              ORDER BY name FOR UPDATE)`,
    values: [...keysOf(given), given.map(({ owner }) => owner), integerArray(given.map(({ epoch }) => epoch))],
  }
  await patience.transaction((transaction) => transaction.query(statement))
  database.notify(groupChannel)
}

/** Changes a group's members under its lock, then brings the assignment in line with them. */
async function changeGroup(
  { database, patience }: GroupStore,
  group: string,
  change: (transaction: Transaction) => Promise<void>,
  mayJudge = false,
): Promise<void> {
  await patience.transaction(async (transaction) => {
    transaction.send({ text: 'SELECT pg_advisory_xact_lock($1, hashtext($2))', values: [groupLocks, group] })
    await change(transaction)
    transaction.send(deleteDead(group, mayJudge))
    await rebalance(transaction, group)
  })
  database.notify(groupChannel)
}

/** The members of dead processes, and then the processes that are left without members. */
function deleteDead(group: string, mayJudge: boolean): Statement {
  return {
    text: `WITH dead AS (
             DELETE FROM millrace.log_members m
              WHERE m.group_name = $1 AND NOT EXISTS (
                    SELECT FROM millrace.log_processes p WHERE p.id = m.process_id AND NOT ${isDead('$2')})
          RETURNING m.id, m.process_id)
           DELETE FROM millrace.log_processes p
            WHERE p.id IN (SELECT process_id FROM dead)
              AND NOT EXISTS (SELECT FROM millrace.log_members m
                               WHERE m.process_id = p.id AND m.id NOT IN (SELECT id FROM dead))`,
    values: [group, mayJudge],
  }
}

async function rebalance(transaction: Transaction, group: string): Promise<void> {
  const members = transaction.query<{ id: string; topics: readonly number[] }>({
    text: 'SELECT id, topics FROM millrace.log_members WHERE group_name = $1 ORDER BY id',
    values: [group],
  })
  const partitions = transaction.query<AssignmentRow>({
    text: `SELECT $1 AS "group", t.id AS topic, p.partition, a.owner, a.target, coalesce(a.epoch, 0) AS epoch
             FROM millrace.log_topics t CROSS JOIN LATERAL generate_series(0, t.partitions - 1) AS p (partition)
             LEFT JOIN millrace.log_assignments a
               ON a.group_name = $1 AND a.topic_id = t.id AND a.partition = p.partition
            WHERE t.id IN (SELECT unnest(m.topics) FROM millrace.log_members m WHERE m.group_name = $1)
               OR a.owner IS NOT NULL OR a.target IS NOT NULL
            ORDER BY t.id, p.partition`,
    values: [group],
  })
  const [{ rows: listed }, { rows: current }] = await Promise.all([members, partitions])
  const candidates = listed.map(({ id, topics }) => ({ id, topics: new Set(topics) }))
  await storeTargets(transaction, group, candidates, current.map(toAssignment))
}

/** Stores the new targets, and forgets owners that are no more. Rows that stay as they are are not touched. */
async function storeTargets(
  transaction: Transaction,
  group: string,
  candidates: readonly Candidate[],
  current: readonly Assignment[],
): Promise<void> {
  const living = new Set(candidates.map(({ id }) => id))
  const shares = current.map(({ topic, partition, owner, target }): Share => {
    return { topic, partition, holder: target !== null && living.has(target) ? target : owner }
  })
  const targets = balance(candidates, shares)
  const wanted = current.map((assignment, nth) => ({
    ...assignment,
    owner: assignment.owner !== null && living.has(assignment.owner) ? assignment.owner : null,
    target: targets[nth] ?? null,
  }))
  const changed = wanted.filter(
    ({ owner, target }, nth) => owner !== current[nth]?.owner || target !== current[nth]?.target,
  )
  if (changed.length === 0) return
  transaction.send({
    text: `INSERT INTO millrace.log_assignments AS a (group_name, topic_id, partition, owner, target)
           SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::uuid[], $5::uuid[])
           ON CONFLICT (group_name, topic_id, partition) DO UPDATE SET target = excluded.target,
             owner = CASE WHEN a.owner = ANY ($6::uuid[]) THEN a.owner END`,
    values: [...keysOf(changed), changed.map(({ owner }) => owner), changed.map(({ target }) => target), [...living]],
  })
  await transaction.query({
    text: `INSERT INTO millrace.log_groups AS g (name, version) VALUES ($1, 1)
           ON CONFLICT (name) DO UPDATE SET version = g.version + 1`,
    values: [group],
  })
}

type AssignmentRow = Omit<Assignment, 'epoch'> & { readonly epoch: string }

const selectAssignments =
  'SELECT group_name AS "group", topic_id AS topic, partition, owner, target, epoch FROM millrace.log_assignments'

function toAssignment(row: AssignmentRow): Assignment {
  return { ...row, epoch: Number(row.epoch) }
}

function keysOf(assignments: readonly Assignment[]): [readonly string[], string, string] {
  return [
    assignments.map(({ group }) => group),
    integerArray(assignments.map(({ topic }) => topic)),
    integerArray(assignments.map(({ partition }) => partition)),
  ]
}
