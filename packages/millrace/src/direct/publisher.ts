import { fail } from '../core/errors.ts'
import type { Published } from '../core/event.ts'
import type { Part } from '../core/lifecycle.ts'
import { sizeOf } from '../core/record-size.ts'
import type { Broker, OutgoingRecord } from '../ports/broker.ts'
import { type DirectMetrics, silentDirectMetrics } from './metrics.ts'

/** What one request to the broker takes at most. */
const mostRecords = 1_000
const mostBytes = 4 * 1024 * 1024
/** What may wait for the broker at most, before publishing is refused. */
const mostWaitingBytes = 64 * 1024 * 1024

interface Waiting {
  readonly record: OutgoingRecord
  readonly size: number
  readonly resolve: (published: Published) => void
  readonly reject: (error: unknown) => void
}

/**
 * Publishes at once and acknowledged. Calls for a topic that come while a request for it is under way, or in the same
 * turn of the event loop, share the next one: flushing on `setImmediate` gave 100,000 a second where a timer of 1 ms gave
 * 15,000. A topic has one request under way at a time, so that two events of one key are never reversed; each topic has
 * its own, so that one that is unavailable keeps no other.
 */
export class DirectPublisher implements Part {
  readonly name = 'direct publishes'
  readonly #brokerOf: (topic: string) => Broker
  readonly #metrics: DirectMetrics
  readonly #queues = new Map<string, TopicQueue>()
  #waitingRecords = 0
  #waitingBytes = 0
  #stopped = false

  /** @param brokerOf where a topic lives */
  constructor(brokerOf: (topic: string) => Broker, metrics = silentDirectMetrics) {
    this.#brokerOf = brokerOf
    this.#metrics = metrics
  }

  /** What has no answer yet. */
  get waiting(): { readonly records: number; readonly bytes: number } {
    return { records: this.#waitingRecords, bytes: this.#waitingBytes }
  }

  /** @throws PUBLISH_QUEUE_FULL, SHUTTING_DOWN, BROKER_UNAVAILABLE, and what the broker says of the record */
  async publish(record: OutgoingRecord): Promise<Published> {
    if (this.#stopped) throw fail('SHUTTING_DOWN', {})
    const size = sizeOf(record)
    if (this.#waitingBytes + size > mostWaitingBytes) {
      this.#metrics.refused(record.topic)
      throw fail('PUBLISH_QUEUE_FULL', { limit: mostWaitingBytes })
    }
    this.#waitingRecords += 1
    this.#waitingBytes += size
    try {
      return await this.#queueOf(record.topic).add(record, size)
    } finally {
      this.#waitingRecords -= 1
      this.#waitingBytes -= size
    }
  }

  /** Takes no more, and resolves when what was taken has its answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#queues.values()].map((queue) => queue.idle()))
  }

  #queueOf(topic: string): TopicQueue {
    const queue = this.#queues.get(topic) ?? new TopicQueue(topic, this.#brokerOf(topic), this.#metrics)
    this.#queues.set(topic, queue)
    return queue
  }
}

/** The publishes of one topic. */
class TopicQueue {
  readonly #topic: string
  readonly #broker: Broker
  readonly #metrics: DirectMetrics
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined

  constructor(topic: string, broker: Broker, metrics: DirectMetrics) {
    this.#topic = topic
    this.#broker = broker
    this.#metrics = metrics
  }

  add(record: OutgoingRecord, size: number): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, size, resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  async idle(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch())
    this.#flushing = undefined
  }

  #takeBatch(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { size } of this.#waiting) {
      if (count === mostRecords || (count > 0 && bytes + size > mostBytes)) break
      bytes += size
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now()
    let taken = 0
    try {
      const results = await this.#broker.produce(batch.map(({ record }) => record))
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index]
        if (result && 'offset' in result) {
          taken += 1
          resolve(result)
        } else reject(result?.error ?? new Error('the broker gave no result'))
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      const ms = performance.now() - started
      this.#metrics.answered(this.#topic, { taken, failed: batch.length - taken, ms })
    }
  }
}
