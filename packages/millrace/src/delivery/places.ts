import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import type { Broker, LogRange, TopicDescription } from '../ports/broker.ts'

/** A point in the logs of a consumer's topics, as operators name it. A time is in milliseconds since 1970. */
export type Place = 'earliest' | 'latest' | { readonly time: number } | { readonly offset: number }

/** Which of a consumer's partitions; all that is given has to fit. */
export interface PartitionChoice {
  readonly topic?: string | undefined
  readonly partition?: number | undefined
}

/** A consumer of this app, and where its topics live. */
export interface LocatedConsumer {
  readonly consumer: Consumer
  readonly brokerOf: (topic: string) => Broker
}

/** A partition, and the bounds of its log as they were looked up. */
export interface FoundPartition {
  readonly broker: Broker
  readonly topic: TopicDescription
  readonly partition: number
  readonly range: LogRange
}

/**
 * The partitions of a consumer as they are now.
 *
 * @throws REQUEST_INVALID when none fits; TOPIC_UNKNOWN, BROKER_UNAVAILABLE
 */
export async function findPartitions(
  { consumer, brokerOf }: LocatedConsumer,
  choice: PartitionChoice,
): Promise<FoundPartition[]> {
  const names = consumer.topics.map(({ name }) => name).filter((name) => name === (choice.topic ?? name))
  if (names.length === 0) throw misfit(`consumer ${consumer.name} has no topic ${choice.topic}`)
  const found = (await Promise.all(names.map((name) => partitionsOf(brokerOf(name), name)))).flat()
  const chosen = found.filter(({ partition }) => partition === (choice.partition ?? partition))
  if (chosen.length === 0) throw misfit(`there is no partition ${choice.partition} in ${names.join(', ')}`)
  return chosen
}

async function partitionsOf(broker: Broker, name: string): Promise<FoundPartition[]> {
  const [topic, ranges] = await Promise.all([broker.describe(name), broker.ranges(name)])
  return ranges.map((range, partition) => ({ broker, topic, partition, range }))
}

/**
 * The offsets of a place in partitions, in their order.
 *
 * @throws REQUEST_INVALID when one offset is asked for in several partitions; OFFSET_OUTSIDE_LOG; BROKER_UNAVAILABLE
 */
export async function offsetsOf(partitions: readonly FoundPartition[], place: Place): Promise<number[]> {
  if (place === 'earliest') return partitions.map(({ range }) => range.start)
  if (place === 'latest') return partitions.map(({ range }) => range.end)
  if ('time' in place) return offsetsAt(partitions, place.time)
  const [only, ...others] = partitions
  if (!only || others.length > 0) {
    throw misfit('an offset is of one partition: say which, by topic and partition, where there are several')
  }
  return [within(only, place.offset)]
}

async function offsetsAt(partitions: readonly FoundPartition[], time: number): Promise<number[]> {
  const brokers = new Map(partitions.map(({ broker, topic }) => [topic.name, broker]))
  const found = new Map<string, readonly number[]>()
  await Promise.all([...brokers].map(async ([name, broker]) => found.set(name, await broker.offsetsAt(name, time))))
  // The log may have grown since its bounds were looked up, or have been cut.
  return partitions.map(({ topic, partition, range }) => {
    return Math.min(range.end, Math.max(range.start, found.get(topic.name)?.[partition] ?? range.end))
  })
}

function within({ topic, partition, range: { start, end } }: FoundPartition, offset: number): number {
  if (offset >= start && offset <= end) return offset
  throw fail('OFFSET_OUTSIDE_LOG', { offset, topic: topic.name, partition, start, end })
}

/** What was asked for fits its schema, and not the consumer. */
export function misfit(problem: string): Error {
  return fail('REQUEST_INVALID', { problem })
}
