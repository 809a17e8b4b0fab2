import type { DecodedRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import type { ReceivedEvent } from '../core/event.ts'
import { inSurroundings } from '../tracing/index.ts'
import type { Watch } from './handlers.ts'

/** What a record's `prepare` came to. */
export type Prepared = { readonly value: unknown } | { readonly error: unknown }

/** How many `prepare` calls of a partition run at a time. */
const concurrency = 16

/**
 * Runs `prepare` for the records of a chunk: those of one key one after the other, keys side by side. Results are kept
 * until their record is done with, so that a chunk that is passed again does not repeat slow work that succeeded.
 */
export class Preparations {
  readonly #consumer: Consumer
  readonly #watch: Watch
  readonly #results = new Map<number, Prepared>()

  constructor(consumer: Consumer, watch: Watch) {
    this.#consumer = consumer
    this.#watch = watch
  }

  /** Resolves when every record of the chunk has its result, or the signal is aborted. */
  async run(chunk: readonly DecodedRecord[], signal: AbortSignal): Promise<void> {
    const lines = [...this.#waiting(chunk).values()]
    const worker = async () => {
      for (let line = lines.shift(); line && !signal.aborted; line = lines.shift()) await this.#runLine(line, signal)
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, lines.length) }, worker))
  }

  /** The result of a record; undefined where its event has no `prepare`. */
  resultOf(offset: number): Prepared | undefined {
    return this.#results.get(offset)
  }

  /** Forgets a failed result, so that the next pass tries again; or a result that has been used. */
  forget(offset: number): void {
    this.#results.delete(offset)
  }

  #waiting(chunk: readonly DecodedRecord[]): Map<unknown, DecodedRecord[]> {
    const needed = chunk.filter(
      ({ event, record }) => event && this.#consumer.prepare[event.type] && !this.#results.has(record.offset),
    )
    return Map.groupBy(needed, ({ event, record }) => event?.key ?? record.offset)
  }

  async #runLine(line: readonly DecodedRecord[], signal: AbortSignal): Promise<void> {
    for (const { event, record } of line) {
      if (!event || signal.aborted) return
      try {
        this.#results.set(record.offset, { value: await this.#prepare(event, signal) })
      } catch (error) {
        if (!signal.aborted) this.#results.set(record.offset, { error })
        return
      }
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
