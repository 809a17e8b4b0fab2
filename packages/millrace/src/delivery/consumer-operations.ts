import { fail } from '../core/errors.ts'
import type { Queryable } from '../core/unit.ts'
import type { Database } from '../ports/database.ts'
import type { Controls } from './controls.ts'
import { consumerId } from './positions.ts'

/** How a consumer stands, by what the database knows: in all processes. */
export interface ConsumerState {
  readonly name: string
  /** Undefined while it runs. */
  readonly pausedSince: Date | undefined
  /** Keys whose later records wait for one that failed. */
  readonly heldKeys: number
  readonly parked: number
  readonly deadLetters: number
  readonly positions: readonly PartitionState[]
}

/** How far a consumer has come in a partition. */
export interface PartitionState {
  readonly broker: string
  readonly topic: string
  readonly partition: number
  readonly position: number
  /** When it moved last. */
  readonly movedAt: Date
}

interface ConsumerRow extends Omit<ConsumerState, 'pausedSince' | 'positions'> {
  readonly id: number
  readonly pausedSince: Date | null
}

interface PositionRow extends Omit<PartitionState, 'position'> {
  readonly consumerId: number
  readonly position: string
}

/** The consumers that have run on this database, by name, from the one after `after`; without the scopes of replays. */
export async function listConsumers(connection: Queryable, after: string, limit: number): Promise<ConsumerState[]> {
  const { rows } = await connection.query<ConsumerRow>(
    `SELECT c.id, c.name, c.paused_at AS "pausedSince",
            (SELECT count(*)::int FROM millrace.held_key h WHERE h.consumer_id = c.id) AS "heldKeys",
            (SELECT count(*)::int FROM millrace.parked p WHERE p.consumer_id = c.id) AS parked,
            (SELECT count(*)::int FROM millrace.dead_letter d WHERE d.consumer_id = c.id) AS "deadLetters"
       FROM millrace.consumer c
      WHERE c.name > $1 AND NOT EXISTS (SELECT FROM millrace.replay r WHERE r.scope_id = c.id)
      ORDER BY c.name LIMIT $2`,
    [after, limit],
  )
  const { rows: positions } = await connection.query<PositionRow>(
    `SELECT consumer_id AS "consumerId", broker, topic, partition, next_offset::text AS position, updated_at AS "movedAt"
       FROM millrace.position WHERE consumer_id = ANY ($1::int[]) ORDER BY topic, partition`,
    [rows.map(({ id }) => id)],
  )
  const byConsumer = Map.groupBy(positions, (row) => row.consumerId)
  return rows.map(({ id, pausedSince, ...row }) => ({
    ...row,
    pausedSince: pausedSince ?? undefined,
    positions: (byConsumer.get(id) ?? []).map(({ consumerId: _, ...position }) => ({
      ...position,
      position: Number(position.position),
    })),
  }))
}

/** Where consumers are switched off and on. */
export interface ConsumerSwitch {
  readonly database: Database
  readonly controls: Controls
  /** Consumers of this app: one that has never run may be paused before it does. */
  readonly known: ReadonlySet<string>
}

/** How a consumer is to be. */
export interface SwitchRequest {
  readonly name: string
  readonly state: 'paused' | 'running'
  /** Who asks, for the audit. */
  readonly by: string
}

/**
 * Switches a consumer off or on, in all processes and over restarts. One that is off keeps its partitions, and handles
 * nothing but the chunks under way.
 *
 * @throws CONSUMER_UNKNOWN, CONSUMER_PAUSED_BY_SETTING
 */
export async function switchConsumer(
  { database, controls, known }: ConsumerSwitch,
  { name, state, by }: SwitchRequest,
): Promise<void> {
  if (state === 'running' && controls.isPausedBySetting(name))
    throw fail('CONSUMER_PAUSED_BY_SETTING', { consumer: name })
  if (known.has(name)) await consumerId(database, name)
  const { rowCount } = await database.query(
    `WITH found AS (SELECT id, name, paused_at IS NOT NULL AS paused FROM millrace.consumer WHERE name = $1 FOR UPDATE),
          switched AS (UPDATE millrace.consumer c SET paused_at = CASE WHEN $2 THEN now() END
                         FROM found WHERE c.id = found.id AND found.paused <> $2 RETURNING c.name),
          audited AS (INSERT INTO millrace.consumer_audit (consumer, action, by)
                      SELECT name, CASE WHEN $2 THEN 'pause' ELSE 'resume' END, $3 FROM switched)
     SELECT FROM found`,
    [name, state === 'paused', by],
  )
  if (rowCount === 0) throw fail('CONSUMER_UNKNOWN', { consumer: name })
  await controls.announce()
}
