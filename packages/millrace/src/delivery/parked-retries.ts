import { type CopyDeadLetter, type DecodedRecord, decodeRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { Signal } from '../core/signal.ts'
import type { AnyTopic } from '../core/topic.ts'
import { waitFor } from '../core/wait.ts'
import type { Tracer } from '../tracing/index.ts'
import { inUnit, type UnitRunner } from '../unit/index.ts'
import { type Breaker, breakerKeyOf } from './breaker.ts'
import type { Controls } from './controls.ts'
import { copiesOf } from './dead-letters.ts'
import { BatchFailed, handleEvents, type IndexedEvent, RecordFailed } from './handlers.ts'
import { release } from './held-keys.ts'
import { claimMessages } from './inbox.ts'
import type { DeliveryMetrics } from './metrics.ts'
import {
  countParked,
  failHead,
  findDue,
  giveBack,
  lockHead,
  type ParkedLine,
  type ParkedRow,
  removeParked,
  renewLease,
  renewLeaseMs,
} from './parked.ts'
import type { Verdict } from './parking.ts'
import { Preparations, prepares } from './prepare.ts'
import { isNobodysFault, judge } from './retry.ts'

/** How many records of a key go in one transaction, once their head has succeeded. */
const longestLine = 64
/** How many keys are seen to at a time where there is something to prepare; otherwise one. */
const mostPreparing = 16
/** How often it looks for what is due: where something is parked, and where nothing is, as far as this process knows. */
const watchfulMs = 1_000
const idleMs = 5_000
/** Another process has the same head at the moment. */
const contendedMs = 50
/** What a consumer may park: beyond it its partitions wait, until half of that is left. */
const mostRows = 100_000
const mostBytes = 256 * 1024 * 1024

/** What a consumer's parked records are retried with. */
export interface ParkedRetriesOptions {
  readonly consumer: Consumer
  readonly consumerId: () => number
  readonly runner: UnitRunner
  readonly breaker: Breaker
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly metrics: DeliveryMetrics
  readonly tracer: Tracer
  readonly logger: Logger
}

/**
 * Tries parked records of a consumer again when they are due, then those behind them, in order. Every process does it for
 * its consumers, whatever partitions it has; a row lock on the head lets one of them through.
 */
export class ParkedRetries implements Part {
  readonly name: string
  readonly #options: ParkedRetriesOptions
  readonly #topics: ReadonlyMap<string, AnyTopic>
  readonly #stopping = new AbortController()
  readonly #wake = new Signal()
  readonly #counted = new Signal()
  #rows = 0
  #isFull = false
  /** Something has become due since it looked last. */
  #isStirred = false
  /** Keys that are seen to now. */
  readonly #underWay = new Set<Promise<void>>()
  #faults = 0
  #running: Promise<void> | undefined

  constructor(options: ParkedRetriesOptions) {
    this.#options = options
    this.#topics = new Map(options.consumer.topics.map((topic) => [topic.name, topic]))
    this.name = `retries of ${options.consumer.name}`
  }

  /** How many of the consumer's records were parked when it looked last. */
  get rows(): number {
    return this.#rows
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.notify()
    this.#counted.notify()
    await this.#running
    await Promise.all(this.#underWay)
  }

  /** So many records have been parked by this process. */
  parked(rows: number): void {
    this.#rows += rows
    if (this.#rows >= mostRows) this.#isFull = true
    this.#wake.notify()
  }

  /** Parked records have become due that this process has not parked. */
  wake(): void {
    this.#isStirred = true
    this.#wake.notify()
  }

  /** Resolves when there is room to park more. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#isFull && !signal.aborted) await this.#counted.wait(watchfulMs)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { breaker, consumer, controls } = this.#options
    let countAt = 0
    while (!signal.aborted) {
      try {
        if (performance.now() >= countAt) {
          await this.#count()
          countAt = performance.now() + idleMs
        }
        await controls.resumed(consumer.name, signal, idleMs)
        if (controls.isPaused(consumer.name)) continue
        await breaker.mayProbe(signal)
        if (signal.aborted) return
        this.#isStirred = false
        const wait = await this.#handleNext()
        this.#faults = 0
        if (wait > 0 && !this.#isStirred && !signal.aborted) await this.#wake.wait(wait)
      } catch (error) {
        await this.#onFault(error)
      }
    }
  }

  async #count(): Promise<void> {
    const { runner, consumerId } = this.#options
    const { rows, bytes } = await countParked(runner.database.on('system'), consumerId())
    this.#rows = rows
    const share = Math.max(rows / mostRows, bytes / mostBytes)
    this.#isFull = share >= (this.#isFull ? 0.5 : 1)
    this.#counted.notify()
  }

  get #prepares(): boolean {
    return prepares(this.#options.consumer)
  }

  /** Sees to what is due first; answers how long to wait before looking again. */
  async #handleNext(): Promise<number> {
    const { runner, consumerId } = this.#options
    const { line, nextInMs } = await findDue(runner.database.on('system'), {
      consumerId: consumerId(),
      topics: [...this.#topics.keys()],
      most: longestLine,
      isLeased: this.#prepares,
    })
    if (!line) return Math.min(nextInMs ?? Number.POSITIVE_INFINITY, this.#rows > 0 ? watchfulMs : idleMs)
    if (!this.#prepares) return (await this.#handle(line)) ? 0 : contendedMs
    await this.#begin(line)
    return 0
  }

  /** Sees to a key beside others; resolves when there is room for one more. */
  async #begin(line: ParkedLine): Promise<void> {
    const task = this.#handleOnLease(line).finally(() => {
      this.#underWay.delete(task)
      this.wake()
    })
    this.#underWay.add(task)
    if (this.#underWay.size >= mostPreparing) await Promise.race(this.#underWay)
  }

  /** What is prepared may take minutes: meanwhile nobody else is to begin it. */
  async #handleOnLease({ head, rows }: ParkedLine): Promise<void> {
    const { runner, logger } = this.#options
    const system = runner.database.on('system')
    const renew = () =>
      renewLease(system, head).catch((err: unknown) => logger.debug({ err }, 'a lease was not renewed'))
    const renewing = setInterval(renew, renewLeaseMs)
    try {
      await this.#handle({ head, rows })
      if (this.#stopping.signal.aborted) await giveBack(system, head)
    } catch (error) {
      await this.#onFault(error)
      await giveBack(system, head).catch((err: unknown) => logger.debug({ err }, 'a parked record waits for its lease'))
    } finally {
      clearInterval(renewing)
    }
  }

  /** Handles the head of a key and what follows it; false when another process has it. */
  async #handle({ head, rows }: ParkedLine): Promise<boolean> {
    const { consumer } = this.#options
    const decoded = rows.map((row) => this.#decode(row))
    if (decoded[0] && !decoded[0].event) return this.#giveUp(head, decoded[0].problem)
    const preparations = new Preparations(consumer, this.#options)
    let ready = preparations.areNeeded ? await preparations.runLine(decoded, this.#stopping.signal) : rows.length
    while (ready > 0 && !this.#stopping.signal.aborted) {
      const outcome = await this.#tryLine({ head, rows: rows.slice(0, ready) }, decoded.slice(0, ready), preparations)
      if (typeof outcome === 'boolean') return outcome
      ready = outcome
    }
    return true
  }

  /** Answers whether it is done, by this process, or how many of the records are to be tried instead. */
  async #tryLine(
    line: ParkedLine,
    decoded: readonly DecodedRecord[],
    preparations: Preparations,
  ): Promise<boolean | number> {
    const { breaker, metrics } = this.#options
    try {
      const handled = await this.#handleLine(line, decoded, preparations)
      if (handled === undefined) return false
      this.#rows = Math.max(0, this.#rows - line.rows.length)
      breaker.succeeded([breakerKeyOf(line.head, line.head.record)])
      metrics.retried(handled)
      return true
    } catch (error) {
      if (isNobodysFault(this.#options.runner, error)) throw error
      if (!(error instanceof RecordFailed || error instanceof BatchFailed)) throw error
      if (line.rows.length > 1) return Math.max(1, error instanceof RecordFailed ? error.index : 1)
      metrics.failed()
      await this.#onHeadFailed(line.head, error.cause)
      return true
    }
  }

  #decode({ topic, partition, record }: ParkedRow): DecodedRecord {
    const contract = this.#topics.get(topic)
    if (!contract) throw new Error(`consumer ${this.#options.consumer.name} has no topic ${topic}`)
    return decodeRecord(contract, partition, record)
  }

  /** Answers how many events were handled; undefined when another process has the key. */
  #handleLine(
    line: ParkedLine,
    decoded: readonly DecodedRecord[],
    preparations: Preparations,
  ): Promise<number | undefined> {
    const { consumer, runner } = this.#options
    return inUnit(runner, 'worker', async (unit, transaction) => {
      if (!(await lockHead(transaction, line.head))) return undefined
      const ids = decoded.flatMap(({ messageId }) => messageId ?? [])
      const seen = await claimMessages(transaction, line.head, ids)
      const events = freshEvents(decoded, seen)
      await handleEvents(unit, { consumer, preparations, watch: this.#options }, events)
      removeParked(transaction, line.rows)
      if (line.head.heldKeyId !== null) await release(transaction, line.head.heldKeyId)
      return events.length
    })
  }

  async #onHeadFailed(head: ParkedRow, error: unknown): Promise<void> {
    const { consumer, breaker, logger } = this.#options
    const wasOpen = breaker.isOpen
    breaker.failed(breakerKeyOf(head, head.record))
    // A probe that failed says nothing about the record.
    if (wasOpen && !breaker.hasGivenUp) return this.#putBack(head)
    await this.#settle(head, judge(consumer.retry, error, head.attempts + 1, logger))
  }

  /** It is due still, and not only when its lease has run out: all may be well long before. */
  async #putBack(head: ParkedRow): Promise<void> {
    if (this.#prepares) await giveBack(this.#options.runner.database.on('system'), head)
  }

  /**
   * What cannot be decoded fails each time: a dead letter that was redriven too early, or one whose contract has changed
   * since it was parked. Its key, where it holds one, waits for it as for any other.
   */
  #giveUp(head: ParkedRow, error: unknown): Promise<boolean> {
    return this.#settle(head, { error, attempts: head.attempts, waitMs: undefined })
  }

  /** Writes down that a head has failed; false when another process has it. */
  async #settle(head: ParkedRow, verdict: Verdict): Promise<boolean> {
    const { consumer, runner, copyDeadLetter, metrics, logger } = this.#options
    const isMine = await inUnit(runner, 'worker', async (unit, transaction) => {
      if (!(await failHead(transaction, head, verdict, consumer.onDeadLetter === 'hold'))) return false
      const dead = verdict.waitMs === undefined ? [{ ...verdict, record: head.record }] : []
      unit.add(copiesOf({ consumer, position: head, copyDeadLetter }, dead))
      return true
    })
    if (!isMine) return false
    const { topic, partition, record } = head
    const about = { err: verdict.error, topic, partition, offset: record.offset, attempts: verdict.attempts }
    if (verdict.waitMs === undefined) {
      metrics.gaveUp()
      logger.error(about, 'a record was given up: see the dead letters')
    } else logger.warn(about, 'a parked record failed again')
    return true
  }

  async #onFault(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#faults += 1
    this.#options.logger.warn({ code: codeOf(error), err: error }, 'parked records could not be retried; trying again')
    await waitFor(Math.min(5_000, 100 * 2 ** Math.min(10, this.#faults)), this.#stopping.signal)
  }
}

/** Events whose messages are new, each once. */
function freshEvents(decoded: readonly DecodedRecord[], seen: ReadonlySet<string>): IndexedEvent[] {
  const known = new Set(seen)
  const events: IndexedEvent[] = []
  for (const [index, one] of decoded.entries()) {
    const { messageId } = one
    if (messageId !== undefined && known.has(messageId)) continue
    if (messageId !== undefined) known.add(messageId)
    // The contract has changed since it was parked.
    if (!one.event) throw new RecordFailed(index, one.problem)
    events.push({ index, event: one.event })
  }
  return events
}
