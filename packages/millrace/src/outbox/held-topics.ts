import type { Backoff } from '../core/consumer.ts'
import { codeOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { waitFor } from '../core/wait.ts'
import { type FencedPosition, LostLead } from './fenced-position.ts'
import type { Lane } from './lanes.ts'
import type { RelayMetrics } from './metrics.ts'
import { type Outcome, outcomeOf, type ParkedRecord } from './outcome.ts'
import { unparkRecords } from './parked.ts'
import type { PieceBounds } from './position.ts'
import { buryRefused, type CopyRefused, logRefused } from './refused.ts'

/** What held topics are carried with. */
export interface HeldTopicOptions {
  readonly lane: Lane
  readonly position: FencedPosition
  readonly metrics: RelayMetrics
  readonly piece: PieceBounds
  /** How long a topic that has failed is left alone. */
  readonly backoff: Backoff
  readonly copyRefused: CopyRefused
  readonly logger: Logger
}

/**
 * The topics that have parked rows, and what sends these on: each topic by itself, so that none waits for another. While
 * a topic is held, newer rows of it are parked behind. It is no longer once the table has no more of them.
 */
export class HeldTopics {
  readonly #options: HeldTopicOptions
  readonly #topics = new Map<string, HeldTopic>()
  readonly #running = new Set<Promise<void>>()
  readonly #ended = new AbortController()

  constructor(options: HeldTopicOptions) {
    this.#options = options
  }

  has(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** Holds topics that have had parked rows since an earlier leader. */
  holdAll(topics: readonly string[]): void {
    for (const topic of topics) this.#hold(topic, 0n)
  }

  /** Holds the topics of records that have been parked, in their order. */
  holdFor(parked: readonly ParkedRecord[]): void {
    for (const [topic, ofTopic] of Map.groupBy(parked, ({ record }) => record.topic)) {
      const first = BigInt(ofTopic[0]?.record.seq ?? 0)
      this.#hold(topic, first, ofTopic.find(({ error }) => error !== undefined)?.error)
    }
  }

  /** Resolves when nothing is under way; what is parked waits for the next leader. */
  async end(): Promise<void> {
    this.#ended.abort()
    await Promise.all(this.#running)
  }

  #hold(topic: string, from: bigint, error?: Error): void {
    const known = this.#topics.get(topic)
    const held = known ?? new HeldTopic(topic, this.#options)
    held.parkedFrom(from)
    if (error) held.failed(error)
    if (!known) this.#begin(held)
  }

  #begin(held: HeldTopic): void {
    this.#topics.set(held.topic, held)
    const running = this.#run(held).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #run(held: HeldTopic): Promise<void> {
    const { signal } = this.#ended
    try {
      for (;;) {
        await held.pause(signal)
        if (signal.aborted) return
        await held.carryNext()
        // In one step: what is parked from here on is held anew.
        if (!held.isEmpty) continue
        this.#topics.delete(held.topic)
        held.released()
        return
      }
    } catch (error) {
      // The position knows, and whoever moves it next is told.
      if (!(error instanceof LostLead)) throw error
    }
  }
}

/** One topic with parked rows. */
class HeldTopic {
  readonly topic: string
  readonly #options: HeldTopicOptions
  readonly #logger: Logger
  /** Nothing is parked below; undefined when nothing is known to be parked. */
  #from: bigint | undefined
  #failures = 0
  #isFlowing = false
  #isReported = false

  constructor(topic: string, options: HeldTopicOptions) {
    this.topic = topic
    this.#options = options
    this.#logger = options.logger.child({ topic })
  }

  get isEmpty(): boolean {
    return this.#from === undefined
  }

  parkedFrom(seq: bigint): void {
    if (this.#from === undefined || seq < this.#from) this.#from = seq
  }

  failed(error: unknown): void {
    this.#failures += 1
    this.#isFlowing = false
    if (this.#isReported) return
    this.#isReported = true
    this.#logger.warn({ code: codeOf(error) }, 'the topic is unavailable; what is published to it is parked and waits')
  }

  released(): void {
    if (this.#isReported) this.#logger.info({}, 'the topic is available again; nothing of it is parked any more')
  }

  async pause(signal: AbortSignal): Promise<void> {
    if (this.#failures > 0) await waitFor(this.#options.backoff(this.#failures), signal)
  }

  /**
   * Sends the next parked rows on. Whatever fails is tried again: a commit of which it is not known whether it happened
   * has moved the position, or not, and the next look says so.
   *
   * @throws LostLead
   */
  async carryNext(): Promise<void> {
    const from = this.#from ?? 0n
    // What is parked meanwhile lowers it again.
    this.#from = undefined
    try {
      await this.#carryFrom(from)
    } catch (error) {
      if (error instanceof LostLead) throw error
      this.parkedFrom(from)
      this.failed(error)
    }
  }

  async #carryFrom(from: bigint): Promise<void> {
    const { position, piece, metrics, logger } = this.#options
    // One record to see whether the topic is back: less is sent twice where an answer was lost.
    const bounds = this.#isFlowing ? piece : { rows: 1, bytes: piece.bytes }
    const records = await position.readParked({ topic: this.topic, from, bounds })
    const last = records.at(-1)
    if (!last) return
    const { taken, parked, refused } = await this.#carry(records)
    // What is parked here was parked before.
    metrics.settled(taken.length, 0, refused.length)
    logRefused(logger, refused)
    const [head] = parked
    this.parkedFrom(head ? BigInt(head.record.seq) : BigInt(last.seq) + 1n)
    const failure = parked.find(({ error }) => error !== undefined)
    if (failure) this.failed(failure.error)
    else this.#flows()
  }

  #carry(records: Awaited<ReturnType<FencedPosition['readParked']>>): Promise<Outcome> {
    const { lane, position, copyRefused } = this.#options
    return lane.carry(records, (results) =>
      position.move(undefined, async (transaction) => {
        const outcome = outcomeOf(records, await results(transaction))
        const gone = [...outcome.taken, ...outcome.refused.map(({ record }) => record)]
        unparkRecords(transaction, { lane: lane.name, topic: this.topic }, gone)
        buryRefused(transaction, outcome.refused, copyRefused)
        return outcome
      }),
    )
  }

  #flows(): void {
    this.#failures = 0
    this.#isFlowing = true
  }
}
