import { Base, type fetchV17 } from '@platformatic/kafka'
import { closeClient, onceOnly } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { apiIdOfCode, problemOf } from './errors.ts'
import { readFetched } from './fetched.ts'
import { FetchLine } from './line.ts'
import type { KafkaReader } from './reader.ts'
import type { KafkaTopics } from './topics.ts'

/**
 * Requests that may wait at one broker at the same time, each on a line of its own: a broker answers those of a
 * connection one after the other, and a partition that has room again must not wait for the others' next record.
 */
const mostLines = 4
/** A broker that does not answer within it is given up, and asked again; longer than a request waits for a record. */
const requestTimeoutMs = 10_000
/** How long a partition is left alone after an error. */
const restMs = 250
/** How often the same problem is told. */
const complainEveryMs = 30_000

/** Errors that pass when the new leader is asked. */
const movedLeader = new Set(['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'FENCED_LEADER_EPOCH'])

/** Fetches for the readers of one topic, so that a topic that is gone stops no other. */
export class TopicFetcher {
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #topic: { readonly name: string; readonly id: string }
  readonly #client: Base
  readonly #readers = new Map<number, KafkaReader>()
  /** Partitions in a request, and those left alone for a moment after an error. */
  readonly #busy = new Set<number>()
  readonly #lines = new Map<number, FetchLine[]>()
  /** What was complained of, and when. */
  readonly #complaints = new Map<string, number>()
  #isLooking = false
  #stopped = false

  constructor(config: KafkaConfig, topics: KafkaTopics, topic: { readonly name: string; readonly id: string }) {
    this.#config = config
    this.#topics = topics
    this.#topic = topic
    this.#client = new Base(onceOnly({ ...config.client, requestTimeout: requestTimeoutMs }))
  }

  /** Fetches for a reader until it is removed; it takes the place of the partition's last one. */
  add(reader: KafkaReader): void {
    this.#readers.set(reader.partition, reader)
    this.wake()
  }

  remove(reader: KafkaReader): void {
    if (this.#readers.get(reader.partition) === reader) this.#readers.delete(reader.partition)
  }

  /** A reader may have room. */
  wake(): void {
    if (this.#isLooking || this.#stopped) return
    this.#isLooking = true
    setImmediate(() => void this.#look())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#lines.values()].flat().map((line) => line.close()))
    await closeClient(this.#client)
  }

  /** Asks each leader for what its partitions' readers have room for. */
  async #look(): Promise<void> {
    const leaders = await this.#topics.leadersOf(this.#topic.name).catch((error: unknown) => {
      this.#complain(problemOf(error))
      return []
    })
    this.#isLooking = false
    if (this.#stopped) return
    const ready = [...this.#readers.values()].filter(({ partition, hasRoom }) => hasRoom && !this.#busy.has(partition))
    for (const [leader, readers] of Map.groupBy(ready, ({ partition }) => leaders[partition] ?? -1)) {
      if (leader < 0) for (const { partition } of readers) this.#rest(partition)
      else void this.#request(leader, readers)
    }
  }

  /** Where no line is free, the next one that is looks again. */
  async #request(leader: number, readers: readonly KafkaReader[]): Promise<void> {
    const line = this.#freeLine(leader)
    if (!line) return
    const wanted = new Map(readers.map((reader) => [reader.partition, { reader, from: reader.fetchFrom }]))
    for (const partition of wanted.keys()) this.#busy.add(partition)
    const { partitions, error } = await line.fetch([...wanted].map(([partition, { from }]) => ({ partition, from })))
    for (const partition of wanted.keys()) this.#busy.delete(partition)
    if (error !== undefined) this.#failed([...wanted.keys()], error)
    for (const answered of partitions) {
      const asked = wanted.get(answered.partitionIndex)
      if (asked) this.#take(asked.reader, asked.from, answered)
    }
    this.wake()
  }

  #take(reader: KafkaReader, from: number, answered: fetchV17.FetchResponsePartition): void {
    if (answered.errorCode !== 0) void this.#refused(reader, answered.errorCode)
    else if (this.#readers.get(reader.partition) === reader) reader.take(readFetched(answered, from))
  }

  /** The broker refuses a partition: it is asked again in a moment, by what is known then. */
  async #refused(reader: KafkaReader, errorCode: number): Promise<void> {
    const { partition } = reader
    const apiId = apiIdOfCode(errorCode)
    this.#rest(partition)
    if (apiId === 'OFFSET_OUT_OF_RANGE') {
      const range = await this.#topics.rangeOf(this.#topic.name, partition).catch(() => undefined)
      if (range) reader.outOfRange(range)
    } else {
      this.#topics.forget(this.#topic.name)
      if (!movedLeader.has(apiId)) this.#complain(apiId)
    }
  }

  #failed(partitions: readonly number[], error: unknown): void {
    for (const partition of partitions) this.#rest(partition)
    this.#topics.forget(this.#topic.name)
    this.#complain(problemOf(error))
  }

  #rest(partition: number): void {
    this.#busy.add(partition)
    setTimeout(() => {
      this.#busy.delete(partition)
      this.wake()
    }, restMs)
  }

  #freeLine(node: number): FetchLine | undefined {
    const lines = this.#lines.get(node) ?? []
    this.#lines.set(node, lines)
    const free = lines.find(({ isFree }) => isFree)
    if (free || lines.length === mostLines) return free
    const line = new FetchLine({ client: this.#client, topics: this.#topics, topic: this.#topic }, node)
    lines.push(line)
    return line
  }

  #complain(problem: string): void {
    const now = performance.now()
    if (!this.#stopped) this.#config.faults.fetch += 1
    if (this.#stopped || now - (this.#complaints.get(problem) ?? -complainEveryMs) < complainEveryMs) return
    this.#complaints.set(problem, now)
    this.#config.logger.warn({ topic: this.#topic.name, problem }, 'fetching failed; trying again')
  }
}
