import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import {
  beginReplay,
  type ConsumerOperations,
  cancelReplay,
  listReplays,
  type Place,
  type Replay,
  type ReplayProgress,
  type ReplayRunner,
  seekConsumer,
  showReplay,
  type WorkerStatus,
} from '../delivery/index.ts'
import type { PlaceText, ReplayItem, ReplaySource } from '../http/index.ts'
import type { Brokers } from './brokers.ts'
import { paged } from './paged.ts'

/** Finds consumers of this app. */
export function locator(consumers: readonly Consumer[], brokers: Brokers): ConsumerOperations['locate'] {
  return (name) => {
    const consumer = consumers.find((candidate) => candidate.name === name)
    if (!consumer) throw fail('CONSUMER_NOT_HERE', { consumer: name })
    return { consumer, brokerOf: (topic) => brokers.ofName(topic) }
  }
}

/** How operators move consumers, and have them replay. */
export function replaySource(operations: ConsumerOperations, runner: ReplayRunner): ReplaySource {
  const { database } = operations
  const item = (replay: Replay) => replayItem(replay, runner.statusOf(replay.id))
  return {
    seek: async (name, { by = 'http', to, dryRun, topic, partition }) => {
      const request = { consumer: name, to: placeOf(to), topic, partition, dryRun, by }
      const { moves, dropped } = await seekConsumer(operations, request)
      return { name, dryRun, dropped, partitions: [...moves] }
    },
    beginReplay: async (consumer, { by = 'http', from, to, dryRun, topic, partition }) => {
      const until = to === undefined ? undefined : placeOf(to)
      const request = { consumer, from: placeOf(from), to: until, topic, partition, dryRun, by }
      const { id, ranges } = await beginReplay(operations, request)
      const records = ranges.reduce((sum, range) => sum + range.to - range.from, 0)
      const partitions = ranges.map(({ topic, partition, from, to }) => ({ topic, partition, from, to }))
      return { dryRun, id: id === undefined ? null : String(id), consumer, records, partitions }
    },
    replays: async ({ after, limit }) => {
      const found = await listReplays(database, {
        before: after === undefined ? undefined : Number(after),
        limit: limit + 1,
      })
      return paged(found.map(item), limit, ({ id }) => id)
    },
    replay: async (id) => item(await showReplay(database, Number(id))),
    cancelReplay: async (id, by = 'http') => {
      await cancelReplay(operations, Number(id), by)
      return item(await showReplay(database, Number(id)))
    },
  }
}

function placeOf(text: PlaceText): Place {
  if (typeof text === 'number') return { offset: text }
  return text === 'earliest' || text === 'latest' ? text : { time: Date.parse(text) }
}

function replayItem(replay: Replay, status: readonly WorkerStatus[] | undefined): ReplayItem {
  const { id, consumer, scope, state, problem, by, begunAt, endedAt, partitions } = replay
  return {
    ...{ consumer, scope, state, problem, by },
    id: String(id),
    begunAt: begunAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    here: status !== undefined,
    partitions: partitions.map((partition) => partitionItem(partition, status)),
  }
}

function partitionItem(
  { topic, partition, from, to, reached, skipped, parked, dead }: ReplayProgress,
  status: readonly WorkerStatus[] | undefined,
): ReplayItem['partitions'][number] {
  const worker = status?.find((one) => one.topic === topic && one.partition === partition)
  return {
    ...{ topic, partition, from, to, parked, dead, skipped },
    position: reached,
    // Redriven dead letters may be parked, or be dead, a second time.
    handled: Math.max(0, reached - from - parked - dead - skipped),
    lastError: worker?.lastError ?? null,
  }
}
