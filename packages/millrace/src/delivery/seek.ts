import type { Database, Transaction } from '../ports/database.ts'
import { transactionAgain } from './conflicts.ts'
import { auditConsumer, type PartitionMove } from './consumer-audit.ts'
import type { Controls } from './controls.ts'
import {
  type FoundPartition,
  findPartitions,
  type LocatedConsumer,
  misfit,
  offsetsOf,
  type PartitionChoice,
  type Place,
} from './places.ts'
import { consumerId } from './positions.ts'
import {
  type FoundPosition,
  findPositions,
  lockPositions,
  movePositions,
  type Target,
  type TopicPositions,
} from './seek-positions.ts'
import { clearSuperseded, countSuperseded } from './superseded.ts'

/** What operators act on consumers with. */
export interface ConsumerOperations {
  readonly database: Database
  readonly controls: Controls
  /** @throws CONSUMER_NOT_HERE */
  readonly locate: (consumer: string) => LocatedConsumer
}

/** Where a consumer is to go on. */
export interface SeekRequest extends PartitionChoice {
  readonly consumer: string
  readonly to: Place
  /** Only say what would be done. */
  readonly dryRun: boolean
  /** Who asks, for the audit. */
  readonly by: string
}

/** Where a seek took a consumer. */
export interface SeekOutcome {
  readonly moves: readonly PartitionMove[]
  /** Parked records that were dropped, as the consumer comes to them again. */
  readonly dropped: number
}

interface TopicSeek extends TopicPositions {
  readonly targets: readonly Target[]
}

/**
 * Moves a consumer: all positions in one transaction, each with a new generation, so that what was handled before is
 * handled again, once. Processes that have its partitions notice soon. Ends TOPIC_RECREATED and POSITION_BEYOND_END.
 *
 * @throws CONSUMER_NOT_HERE, REQUEST_INVALID, OFFSET_OUTSIDE_LOG, TOPIC_UNKNOWN, BROKER_UNAVAILABLE
 */
export async function seekConsumer(
  { database, controls, locate }: ConsumerOperations,
  { consumer, to, dryRun, by, ...choice }: SeekRequest,
): Promise<SeekOutcome> {
  const partitions = await findPartitions(locate(consumer), choice)
  const offsets = await offsetsOf(partitions, to)
  const id = await consumerId(database, consumer)
  const seeks = byTopic(partitions, offsets).map((topic) => ({ ...topic, consumerId: id }))
  if (dryRun) return inTurn(seeks, (seek) => foresee(database, seek))
  const outcome = await transactionAgain(database, async (transaction) => {
    const outcome = await inTurn(seeks, (seek) => seekTopic(transaction, seek))
    auditConsumer(transaction, { consumer, action: 'seek', by }, outcome.moves)
    transaction.send({ text: 'UPDATE millrace.consumer SET seeks = seeks + 1 WHERE id = $1', values: [id] })
    return outcome
  })
  await controls.announce()
  return outcome
}

/** In the order of topics' names: two seeks of a consumer at a time wait for each other. */
function byTopic(partitions: readonly FoundPartition[], offsets: readonly number[]): Omit<TopicSeek, 'consumerId'>[] {
  const found = partitions.map((one, nth) => ({ ...one, offset: offsets[nth] ?? 0 }))
  const topics = [...Map.groupBy(found, ({ topic }) => topic).entries()]
  return topics
    .map(([topic, targets]) => ({ topic, broker: targets[0]?.broker.name ?? '', targets }))
    .sort((a, b) => (a.topic.name < b.topic.name ? -1 : 1))
}

async function inTurn(
  seeks: readonly TopicSeek[],
  act: (seek: TopicSeek) => Promise<SeekOutcome>,
): Promise<SeekOutcome> {
  const outcomes: SeekOutcome[] = []
  for (const seek of seeks) outcomes.push(await act(seek))
  const dropped = outcomes.reduce((sum, outcome) => sum + outcome.dropped, 0)
  return { moves: outcomes.flatMap(({ moves }) => moves), dropped }
}

async function seekTopic(transaction: Transaction, seek: TopicSeek): Promise<SeekOutcome> {
  const locked = await lockPositions(transaction, seek)
  const moves = movesOf(seek, locked)
  movePositions(transaction, seek, seek.targets, locked)
  return { moves, dropped: await clearSuperseded(transaction, recordsOf(seek), seek.targets) }
}

async function foresee(database: Database, seek: TopicSeek): Promise<SeekOutcome> {
  const moves = movesOf(seek, await findPositions(database, seek))
  return { moves, dropped: await countSuperseded(database, recordsOf(seek), seek.targets) }
}

/** @throws REQUEST_INVALID when partitions that are not named would be left without a place to go on at */
function movesOf({ topic, targets }: TopicSeek, positions: readonly FoundPosition[]): PartitionMove[] {
  const present = new Map(positions.filter(({ topicId }) => topicId === topic.id).map((one) => [one.partition, one]))
  if (present.size === 0 && targets.length < topic.partitions) {
    throw misfit(`the consumer has no position in ${topic.name} as it is now: seek in all of its partitions`)
  }
  return targets.map(({ partition, offset }) => {
    return { topic: topic.name, partition, from: present.get(partition)?.next ?? null, to: offset }
  })
}

function recordsOf({ consumerId, topic }: TopicSeek) {
  return { consumerId, topicId: topic.id }
}
