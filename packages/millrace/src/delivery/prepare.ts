import type { DecodedRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import type { ReceivedEvent } from '../core/event.ts'
import { Signal } from '../core/signal.ts'
import { inSurroundings } from '../tracing/index.ts'
import type { Watch } from './handlers.ts'

/** What a record's `prepare` came to. */
export type Prepared = { readonly value: unknown } | { readonly error: unknown }

/** How many `prepare` calls of a partition run at a time; those that were left and do not heed their signal count too. */
const concurrency = 16
/** A call is slow when it takes so much longer than the others did, and a second at least. */
const slowFactor = 4
const leastSlowMs = 1_000
/** How much the latest call counts in the mean of them. */
const weight = 0.2
/** The followers of a parked record are prepared with it for no longer than this. */
const followersMs = 1_000

/** Whether a consumer prepares anything. */
export function prepares({ prepare }: Consumer): boolean {
  return Object.keys(prepare).length > 0
}

/**
 * Runs `prepare` for records: those of one key one after the other, keys side by side. Results are kept until their record
 * is done with, so that a chunk that is passed again does not repeat slow work that succeeded.
 */
export class Preparations {
  readonly #consumer: Consumer
  readonly #watch: Watch
  readonly #results = new Map<ReceivedEvent, Prepared>()
  readonly #ended = new Signal()
  #running = 0
  #meanMs = 0

  constructor(consumer: Consumer, watch: Watch) {
    this.#consumer = consumer
    this.#watch = watch
  }

  /** Whether anything of this consumer is prepared. */
  get areNeeded(): boolean {
    return prepares(this.#consumer)
  }

  /**
   * Prepares the records of a chunk. Those of a key that takes much longer than the others do are left, so that one key
   * does not hold the partition: the first of each such key is answered, by its offset.
   */
  async run(chunk: readonly DecodedRecord[], signal: AbortSignal): Promise<ReadonlySet<number>> {
    const slow = new Set<number>()
    const lines = [...this.#waiting(chunk).values()]
    const worker = async () => {
      for (let line = lines.shift(); line && !signal.aborted; line = lines.shift()) {
        const left = await this.#runLine(line, signal)
        if (left) slow.add(left.offset)
      }
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, lines.length) }, worker))
    return slow
  }

  /**
   * Prepares records of one key: the first however long it takes, those behind it while that is quick. Answers how many
   * from the first on can be handled.
   */
  async runLine(line: readonly DecodedRecord[], signal: AbortSignal): Promise<number> {
    const started = performance.now()
    for (const [index, { event }] of line.entries()) {
      if (!event || !this.#needs(event)) continue
      const leftMs = followersMs - (performance.now() - started)
      if (index > 0 && leftMs <= 0) return index
      const prepared = await this.#call(event, signal, index > 0 ? leftMs : undefined)
      if (!prepared) return index
      this.#results.set(event, prepared)
      if ('error' in prepared) return index + 1
    }
    return line.length
  }

  /** The result of an event; undefined where it has no `prepare`. */
  resultOf(event: ReceivedEvent): Prepared | undefined {
    return this.#results.get(event)
  }

  /** Forgets a failed result, so that the next pass tries again; or a result that has been used. */
  forget(event: ReceivedEvent): void {
    this.#results.delete(event)
  }

  #needs(event: ReceivedEvent): boolean {
    return this.#consumer.prepare[event.type] !== undefined && !this.#results.has(event)
  }

  #waiting(chunk: readonly DecodedRecord[]): Map<unknown, ReceivedEvent[]> {
    const needed = chunk.flatMap(({ event }) => (event && this.#needs(event) ? event : []))
    return Map.groupBy(needed, ({ key, offset }) => key ?? offset)
  }

  /** Answers the event that was too slow, if one was. */
  async #runLine(line: readonly ReceivedEvent[], signal: AbortSignal): Promise<ReceivedEvent | undefined> {
    for (const event of line) {
      const prepared = await this.#call(event, signal, Math.max(leastSlowMs, slowFactor * this.#meanMs))
      if (signal.aborted) return undefined
      if (!prepared) return event
      this.#results.set(event, prepared)
      // Those behind it wait until it is prepared.
      if ('error' in prepared) return undefined
    }
    return undefined
  }

  /** With nothing, and at once, where the signal is aborted or the call is too slow, whether or not it heeds that. */
  async #call(event: ReceivedEvent, signal: AbortSignal, slowMs?: number): Promise<Prepared | undefined> {
    while (this.#running >= concurrency && !signal.aborted) await this.#ended.wait(leastSlowMs)
    if (signal.aborted) return undefined
    const started = performance.now()
    const call = new AbortController()
    const left = Promise.withResolvers<undefined>()
    const leave = () => {
      call.abort()
      left.resolve(undefined)
    }
    const timer = slowMs === undefined ? undefined : setTimeout(leave, slowMs)
    signal.addEventListener('abort', leave)
    try {
      return await Promise.race([this.#settle(event, call.signal), left.promise])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      this.#meanMs += weight * (performance.now() - started - this.#meanMs)
    }
  }

  async #settle(event: ReceivedEvent, signal: AbortSignal): Promise<Prepared> {
    this.#running += 1
    try {
      return { value: await this.#prepare(event, signal) }
    } catch (error) {
      return { error }
    } finally {
      this.#running -= 1
      this.#ended.notify()
    }
  }

  async #prepare(event: ReceivedEvent, signal: AbortSignal): Promise<unknown> {
    const { metrics, tracer } = this.#watch
    const run = async () => inSurroundings({ event }, () => this.#consumer.prepare[event.type]?.(event, signal))
    const started = performance.now()
    try {
      return await tracer.ofEvent('prepare', this.#consumer.name, event, run)
    } finally {
      metrics.prepare(performance.now() - started)
    }
  }
}
