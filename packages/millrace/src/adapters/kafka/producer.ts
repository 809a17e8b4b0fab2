import { fail } from '../../core/errors.ts'
import { partitionOf } from '../../core/partitioner.ts'
import { within } from '../../core/wait.ts'
import type { OutgoingRecord, ProduceResult } from '../../ports/broker.ts'
import { type Entry, ProduceCall } from './call.ts'
import type { KafkaConfig } from './config.ts'
import { brokerError } from './errors.ts'
import { Lane, toEntry } from './lane.ts'
import { Sender } from './sender.ts'
import type { KafkaTopics } from './topics.ts'

/** How long stopping waits for what is under way. */
const stopMs = 5_000

/**
 * Appends records to Kafka: idempotent, acknowledged by all in-sync replicas, one request under way for each partition.
 * What was handed to a broker is tried again until there is an answer; whoever waits for it is told in time that there
 * is none yet, and what has not been sent by then never is.
 */
export class KafkaProducer {
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #sender: Sender
  /** By topic and partition. */
  readonly #lanes = new Map<string, Lane[]>()
  readonly #calls = new Set<ProduceCall>()
  /** Where the topic's next records without a key go. */
  readonly #turns = new Map<string, number>()
  /** Calls that wait to hear of their topics, by topic: later calls wait behind them. */
  readonly #routing = new Map<string, Promise<void>>()
  #stopping: Promise<void> | undefined

  constructor(config: KafkaConfig, topics: KafkaTopics) {
    this.#config = config
    this.#topics = topics
    this.#sender = new Sender(config, topics)
  }

  /**
   * One result for each record, in order, within `produceTimeout`.
   *
   * @throws BROKER_UNAVAILABLE when nothing is known of any; SHUTTING_DOWN
   */
  async produce(records: readonly OutgoingRecord[]): Promise<ProduceResult[]> {
    if (this.#stopping) throw fail('SHUTTING_DOWN', {})
    if (records.length === 0) return []
    const call = new ProduceCall(records)
    const timer = setTimeout(() => this.#expire(call), this.#config.produceMs)
    this.#calls.add(call)
    try {
      for (const [topic, entries] of byTopic(call, records)) this.#route(topic, entries)
      return await call.answer
    } finally {
      clearTimeout(timer)
      this.#calls.delete(call)
    }
  }

  /** Waits for what is under way, in bounds; what has no answer then counts as not confirmed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const calls = [...this.#calls]
    await within(stopMs, async () => {
      await Promise.allSettled(calls.map(({ answer }) => answer))
    })
    await this.#sender.stop()
    for (const call of this.#calls) call.expire('this process is shutting down')
  }

  #route(topic: string, entries: readonly Entry[]): void {
    const before = this.#routing.get(topic)
    const partitions = before ? undefined : this.#topics.knownPartitions(topic)
    if (partitions !== undefined) {
      this.#spread(topic, entries, partitions)
      return
    }
    const routed: Promise<void> = Promise.resolve(before)
      .then(() => this.#routeUnknown(topic, entries))
      .finally(() => {
        if (this.#routing.get(topic) === routed) this.#routing.delete(topic)
      })
    this.#routing.set(topic, routed)
  }

  async #routeUnknown(topic: string, entries: readonly Entry[]): Promise<void> {
    try {
      this.#spread(topic, entries, await this.#topics.partitionsOf(topic))
    } catch (error) {
      const reason = brokerError(error, { topic })
      for (const { call, index } of entries) call.failed(index, reason)
    }
  }

  #spread(topic: string, entries: readonly Entry[], partitions: number): void {
    let keyless: number | undefined
    const chosen = new Map<number, Entry[]>()
    for (const entry of entries) {
      const { key } = entry.record
      keyless ??= key === null ? this.#turn(topic, partitions) : undefined
      const partition = key === null ? (keyless ?? 0) : partitionOf(key, partitions)
      const others = chosen.get(partition)
      if (others) others.push(entry)
      else chosen.set(partition, [entry])
    }
    for (const [partition, ofPartition] of chosen) {
      const lane = this.#lane(topic, partition)
      lane.add(ofPartition)
      this.#sender.wake(lane)
    }
  }

  #turn(topic: string, partitions: number): number {
    const turn = this.#turns.get(topic) ?? Math.floor(Math.random() * partitions)
    this.#turns.set(topic, turn + 1)
    return turn % partitions
  }

  #lane(topic: string, partition: number): Lane {
    const lanes = this.#lanes.get(topic) ?? []
    this.#lanes.set(topic, lanes)
    const lane = lanes[partition] ?? new Lane(topic, partition)
    lanes[partition] = lane
    return lane
  }

  #expire(call: ProduceCall): void {
    const lanes = [...this.#lanes.values()].flatMap((ofTopic) => ofTopic.filter((lane) => lane !== undefined))
    const problem = lanes.find(({ trouble }) => trouble)?.trouble?.problem
    call.expire(`not confirmed within ${this.#config.produceMs} ms${problem ? `; last problem: ${problem}` : ''}`)
    for (const lane of lanes) lane.purge()
  }
}

function byTopic(call: ProduceCall, records: readonly OutgoingRecord[]): Iterable<[string, Entry[]]> {
  const topics = new Map<string, Entry[]>()
  for (const [index, record] of records.entries()) {
    const entry = toEntry(call, index, record)
    const others = topics.get(record.topic)
    if (others) others.push(entry)
    else topics.set(record.topic, [entry])
  }
  return topics
}
