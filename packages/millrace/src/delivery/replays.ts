import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'

/** `running` until all is handled, or given up; `failed` when it can never be, as its topic is another one now. */
export type ReplayState = 'running' | 'done' | 'cancelled' | 'failed'

/** A replay, as those who run it need it. */
export interface ReplayWork {
  readonly id: number
  readonly state: ReplayState
  readonly consumer: string
  /** The consumer in whose name its tables are written. */
  readonly scopeId: number
  readonly scope: string
}

/** Which records of a partition. */
export interface ReplayRange {
  readonly broker: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

/** How far a replay is in a partition. */
export interface ReplayProgress extends ReplayRange {
  /** The offset it comes to next. */
  readonly reached: number
  /** Offsets that retention had deleted before. */
  readonly skipped: number
  readonly parked: number
  readonly dead: number
}

/** A replay with all there is to say. */
export interface Replay extends ReplayWork {
  readonly problem: string | null
  readonly by: string
  readonly begunAt: Date
  readonly endedAt: Date | null
  readonly partitions: readonly ReplayProgress[]
}

const work = `r.id, r.state, c.name AS consumer, r.scope_id AS "scopeId", s.name AS scope`
const tables = `millrace.replay r JOIN millrace.consumer c ON c.id = r.consumer_id
                                  JOIN millrace.consumer s ON s.id = r.scope_id`

/**
 * Replays of consumers that have something to do: those that run, and those that have ended of which a dead letter was
 * redriven since.
 */
export async function findReplayWork(connection: Queryable, consumers: readonly string[]): Promise<ReplayWork[]> {
  const { rows } = await connection.query<ReplayWork>({
    name: 'millrace_replay_work',
    text: `SELECT ${work} FROM ${tables}
            WHERE c.name = ANY ($1)
              AND (r.state = 'running' OR EXISTS (SELECT FROM millrace.parked p
                                                   WHERE p.consumer_id = r.scope_id AND p.due_at IS NOT NULL))
            ORDER BY r.id`,
    values: [consumers],
  })
  return rows
}

/** The state of a replay, and whether any of its parked records is to be tried again. */
export async function lookAtReplay(
  connection: Queryable,
  { id, scopeId }: ReplayWork,
): Promise<{ readonly state: ReplayState; readonly hasRetries: boolean } | undefined> {
  const { rows } = await connection.query<{ state: ReplayState; hasRetries: boolean }>({
    name: 'millrace_replay_look',
    text: `SELECT state, EXISTS (SELECT FROM millrace.parked WHERE consumer_id = $2 AND due_at IS NOT NULL) AS "hasRetries"
             FROM millrace.replay WHERE id = $1`,
    values: [id, scopeId],
  })
  return rows[0]
}

/** What there is to say of a replay's partitions: noted where it has ended, else as it stands. */
const progress = `
  SELECT rp.replay_id AS "replayId", rp.broker, rp.topic, rp.topic_id AS "topicId", rp.partition,
         rp.from_offset::float8 AS "from", rp.to_offset::float8 AS "to",
         coalesce(rp.reached, least(p.next_offset, rp.to_offset))::float8 AS reached,
         coalesce(rp.skipped, (SELECT sum(g.to_offset - g.from_offset) FROM millrace.gap g
                                WHERE g.consumer_id = r.scope_id AND g.topic = rp.topic AND g.partition = rp.partition),
                  0)::float8 AS skipped,
         coalesce(rp.parked, (SELECT count(*) FROM millrace.parked k
                               WHERE k.consumer_id = r.scope_id AND k.topic_id = rp.topic_id AND k.partition = rp.partition)
                  )::int AS parked,
         coalesce(rp.dead, (SELECT count(*) FROM millrace.dead_letter d
                             WHERE d.consumer_id = r.scope_id AND d.topic_id = rp.topic_id AND d.partition = rp.partition)
                  )::int AS dead
    FROM millrace.replay_partition rp JOIN millrace.replay r ON r.id = rp.replay_id
    JOIN millrace.position p ON p.consumer_id = r.scope_id AND p.topic_id = rp.topic_id AND p.partition = rp.partition
   WHERE rp.replay_id = ANY ($1::int[]) ORDER BY rp.topic, rp.partition`

/** How far a replay is. */
export async function progressOf(connection: Queryable, id: number): Promise<ReplayProgress[]> {
  const { rows } = await connection.query<ReplayProgress>(progress, [[id]])
  return rows
}

/** Replays, the latest first: those with a smaller id than `before`, or one. */
export async function listReplays(
  connection: Queryable,
  which: { readonly before?: number | undefined; readonly id?: number; readonly limit: number },
): Promise<Replay[]> {
  const { rows } = await connection.query<Omit<Replay, 'partitions'>>(
    `SELECT ${work}, r.problem, r.by, r.begun_at AS "begunAt", r.ended_at AS "endedAt" FROM ${tables}
      WHERE ($1::int IS NULL OR r.id < $1) AND ($2::int IS NULL OR r.id = $2) ORDER BY r.id DESC LIMIT $3`,
    [which.before ?? null, which.id ?? null, which.limit],
  )
  const { rows: partitions } = await connection.query<ReplayProgress & { replayId: number }>(progress, [
    rows.map(({ id }) => id),
  ])
  const byReplay = Map.groupBy(partitions, ({ replayId }) => replayId)
  return rows.map((replay) => ({ ...replay, partitions: byReplay.get(replay.id) ?? [] }))
}

/** Ends a replay that runs; answers whether it did. */
export async function endReplay(
  connection: Queryable,
  id: number,
  { state, problem }: { readonly state: Exclude<ReplayState, 'running'>; readonly problem?: string },
): Promise<boolean> {
  const { rowCount } = await connection.query(
    `UPDATE millrace.replay SET state = $2, problem = $3, ended_at = now() WHERE id = $1 AND state = 'running'`,
    [id, state, problem ?? null],
  )
  return rowCount === 1
}

/** Notes what has come of a replay that ends: what becomes of its dead letters later changes nothing about it. */
export function noteOutcome(transaction: Transaction, id: number): void {
  transaction.send({
    text: `
      UPDATE millrace.replay_partition rp
         SET reached = found.reached, skipped = found.skipped, parked = found.parked, dead = found.dead
        FROM (${progress}) AS found
       WHERE rp.replay_id = found."replayId" AND rp.topic_id = found."topicId" AND rp.partition = found.partition`,
    values: [[id]],
  })
}
