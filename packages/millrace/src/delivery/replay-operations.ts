import { fail } from '../core/errors.ts'
import type { Database, Transaction } from '../ports/database.ts'
import { transactionAgain } from './conflicts.ts'
import { auditConsumer } from './consumer-audit.ts'
import type { Controls } from './controls.ts'
import { findPartitions, misfit, offsetsOf, type PartitionChoice, type Place } from './places.ts'
import { consumerId } from './positions.ts'
import { endReplay, listReplays, noteOutcome, type Replay, type ReplayProgress, type ReplayRange } from './replays.ts'
import { scopeName } from './scopes.ts'
import type { ConsumerOperations } from './seek.ts'
import { lockPositions, movePositions } from './seek-positions.ts'
import { clearSuperseded } from './superseded.ts'

/** Which records a consumer is to handle once more. */
export interface ReplayRequest extends PartitionChoice {
  readonly consumer: string
  readonly from: Place
  /** Exclusive. Default: where the topics end now. */
  readonly to?: Place | undefined
  /** Only say what would be done. */
  readonly dryRun: boolean
  /** Who asks, for the audit. */
  readonly by: string
}

/** What a replay goes through. */
export interface ReplayBeginning {
  /** Undefined on a dry run. */
  readonly id: number | undefined
  readonly ranges: readonly ReplayRange[]
}

/**
 * Begins a replay; a worker process that has the consumer takes it up.
 *
 * @throws CONSUMER_NOT_HERE, REQUEST_INVALID, OFFSET_OUTSIDE_LOG, REPLAY_RUNNING, TOPIC_UNKNOWN, BROKER_UNAVAILABLE
 */
export async function beginReplay(
  { database, controls, locate }: ConsumerOperations,
  request: ReplayRequest,
): Promise<ReplayBeginning> {
  const ranges = await rangesOf(locate, request)
  if (request.dryRun) return { id: undefined, ranges }
  const id = await database.transaction((transaction) => createReplay(transaction, request, ranges))
  await controls.announce()
  return { id, ranges }
}

async function rangesOf(
  locate: ConsumerOperations['locate'],
  { consumer, from, to = 'latest', topic, partition }: ReplayRequest,
): Promise<ReplayRange[]> {
  const partitions = await findPartitions(locate(consumer), { topic, partition })
  const [froms, tos] = await Promise.all([offsetsOf(partitions, from), offsetsOf(partitions, to)])
  const ranges = partitions.map(({ broker, topic, partition }, nth) => {
    const place = { broker: broker.name, topic: topic.name, topicId: topic.id, partition }
    return { ...place, from: froms[nth] ?? 0, to: tos[nth] ?? 0 }
  })
  if (ranges.every((range) => range.to < range.from)) throw misfit('it ends before it begins')
  // A partition may have nothing between two times.
  return ranges.map((range) => ({ ...range, to: Math.max(range.from, range.to) }))
}

async function createReplay(
  transaction: Transaction,
  { consumer, by }: ReplayRequest,
  ranges: readonly ReplayRange[],
): Promise<number> {
  const ofConsumer = await consumerId(transaction, consumer)
  const { rows } = await transaction.query<{ id: number }>(
    "SELECT nextval(pg_get_serial_sequence('millrace.replay', 'id'))::int AS id",
  )
  const id = rows[0]?.id ?? 0
  const scopeId = await consumerId(transaction, scopeName(consumer, id))
  const { rowCount } = await transaction.query(
    `INSERT INTO millrace.replay (id, consumer_id, scope_id, by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (consumer_id) WHERE state = 'running' DO NOTHING`,
    [id, ofConsumer, scopeId, by],
  )
  if (rowCount === 0) throw await otherRuns(transaction, consumer, ofConsumer)
  insertRanges(transaction, { id, scopeId }, ranges)
  auditConsumer(transaction, { consumer, action: 'replay', by, replayId: id }, ranges)
  return id
}

async function otherRuns(transaction: Transaction, consumer: string, ofConsumer: number): Promise<Error> {
  const { rows } = await transaction.query<{ id: number }>(
    "SELECT id FROM millrace.replay WHERE consumer_id = $1 AND state = 'running'",
    [ofConsumer],
  )
  return fail('REPLAY_RUNNING', { consumer, replay: rows[0]?.id ?? '?' })
}

/** The ranges, and the positions to begin at. */
function insertRanges(
  transaction: Transaction,
  { id, scopeId }: { readonly id: number; readonly scopeId: number },
  ranges: readonly ReplayRange[],
): void {
  transaction.send({
    text: `
      WITH given AS (SELECT * FROM unnest($3::text[], $4::text[], $5::uuid[], $6::int[], $7::bigint[], $8::bigint[])
                                AS given (broker, topic, topic_id, partition, from_offset, to_offset)),
           positions AS (INSERT INTO millrace.position (consumer_id, broker, topic, topic_id, partition, next_offset)
                         SELECT $2, broker, topic, topic_id, partition, from_offset FROM given)
      INSERT INTO millrace.replay_partition (replay_id, broker, topic, topic_id, partition, from_offset, to_offset)
      SELECT $1, broker, topic, topic_id, partition, from_offset, to_offset FROM given`,
    values: [
      id,
      scopeId,
      ranges.map(({ broker }) => broker),
      ranges.map(({ topic }) => topic),
      ranges.map(({ topicId }) => topicId),
      ranges.map(({ partition }) => partition),
      ranges.map(({ from }) => from),
      ranges.map(({ to }) => to),
    ],
  })
}

/** @throws REPLAY_UNKNOWN */
export async function showReplay(database: Database, id: number): Promise<Replay> {
  const [replay] = await listReplays(database, { id, limit: 1 })
  if (!replay) throw fail('REPLAY_UNKNOWN', { replay: id })
  return replay
}

/**
 * Ends a replay before its end: once this has resolved, nothing more of it is handled. What it has done stays; what it has
 * parked is dropped, and its dead letters stay, without any key that waits for them.
 *
 * @throws REPLAY_UNKNOWN, REPLAY_ENDED
 */
export async function cancelReplay(
  { database, controls }: { readonly database: Database; readonly controls: Controls },
  id: number,
  by: string,
): Promise<void> {
  const replay = await showReplay(database, id)
  await transactionAgain(database, async (transaction) => {
    if (!(await endReplay(transaction, id, { state: 'cancelled' }))) throw fail('REPLAY_ENDED', { replay: id })
    const moves = replay.partitions.map(({ topic, partition, from, to }) => ({ topic, partition, from, to }))
    auditConsumer(transaction, { consumer: replay.consumer, action: 'cancel-replay', by, replayId: id }, moves)
    await stopAtOnce(transaction, replay)
  })
  await controls.announce()
}

/** Takes the positions to their ends, behind the chunks under way, so that whoever runs it finds nothing more to do. */
async function stopAtOnce(transaction: Transaction, { id, scopeId, partitions }: Replay): Promise<void> {
  const topics = [...Map.groupBy(partitions, ({ topicId }) => topicId).values()].map((of) => toTopic(scopeId, of))
  const locked = []
  for (const topic of topics) locked.push({ ...topic, positions: await lockPositions(transaction, topic) })
  noteOutcome(transaction, id)
  for (const { positions, targets, ...topic } of locked) {
    movePositions(transaction, topic, targets, positions)
    const all = targets.map(({ partition }) => ({ partition, offset: 0 }))
    await clearSuperseded(transaction, { consumerId: scopeId, topicId: topic.topic.id }, all)
  }
}

function toTopic(consumerId: number, partitions: readonly ReplayProgress[]) {
  const { broker = '', topic = '', topicId = '' } = partitions[0] ?? {}
  const targets = partitions.map(({ partition, to }) => ({ partition, offset: to }))
  return { consumerId, broker, topic: { name: topic, id: topicId, partitions: partitions.length }, targets }
}
