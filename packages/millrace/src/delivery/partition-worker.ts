import { type CopyDeadLetter, type DecodedRecord, decodeRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import { isMillraceError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { AnyTopic } from '../core/topic.ts'
import { waitFor } from '../core/wait.ts'
import type { AssignedPartition } from '../ports/broker.ts'
import type { Work } from '../ports/tracing.ts'
import type { Tracer } from '../tracing/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { Backlog } from './backlog.ts'
import { type Breaker, breakerKeyOf } from './breaker.ts'
import { type ChunkOutcome, handleChunk, type Overseer, PositionMoved } from './chunk.ts'
import { ChunkSize } from './chunk-size.ts'
import type { Controls } from './controls.ts'
import { Cursor } from './cursor.ts'
import { HeldKeys, HeldKeysChanged } from './held-keys.ts'
import type { DeliveryMetrics } from './metrics.ts'
import type { ParkedRetries } from './parked-retries.ts'
import type { Verdict } from './parking.ts'
import { Preparations } from './prepare.ts'
import { Progress, type WorkerStatus } from './progress.ts'
import { isNobodysFault, judge } from './retry.ts'
import { convictingTakeups, Takeups } from './takeups.ts'
import { Turns } from './turns.ts'

/**
 * Records of one chunk at most, for handlers of single events: what a rerun repeats is bounded by it. The log's reader
 * fetches 500 at a time; at 200 each third chunk was half empty, and its COMMIT as dear as the others'.
 */
const mostRecords = 250
/** After this many database faults in a row on the same chunk while the database answers, the chunk is suspected. */
const suspiciousFaults = 3
const firstFaultWaitMs = 100
const longestFaultWaitMs = 5_000

/** What a partition is worked with. */
export interface WorkerOptions {
  readonly consumer: Consumer
  readonly consumerId: number
  /** The name of the broker that the partition is on. */
  readonly broker: string
  readonly topic: AnyTopic
  readonly assigned: AssignedPartition
  /** The first offset that is not to be handled: the worker ends there. Default: it goes on with the log. */
  readonly to?: number
  readonly runner: UnitRunner
  readonly breaker: Breaker
  readonly retries: ParkedRetries
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly metrics: DeliveryMetrics
  readonly tracer: Tracer
  readonly logger: Logger
}

/** How many of a chunk's keys the breaker is told of. */
const breakerKeys = 20
/** Records of a chunk while the breaker is open: enough that a few bad ones among them do not pass for an outage. */
const probeSize = 64

/** A probe found that still nothing succeeds: it was rolled back. */
class StillFailing extends Error {
  override readonly name = 'StillFailing'
}

/**
 * Handles one partition for one consumer, chunk after chunk, from assignment to revocation. Where it stands is its
 * {@link Cursor}'s matter, how a chunk is cut the {@link Backlog}'s.
 */
export class PartitionWorker {
  readonly #options: WorkerOptions
  readonly #size: ChunkSize
  readonly #cursor: Cursor
  readonly #turns = new Turns()
  readonly #takeups: Takeups
  readonly #progress = new Progress()
  readonly #stopping = new AbortController()
  #backlog = new Backlog()
  #preparations: Preparations
  #held = new HeldKeys()
  #faults = 0
  /** Aborted when the position was moved on purpose; renewed when it is taken up. */
  #sought = new AbortController()
  /** Aborted when what is under way is to be left: stopped, or sought. */
  #interrupted = this.#stopping.signal
  #running: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#size = new ChunkSize(this.#mostRecords)
    this.#cursor = new Cursor(options)
    this.#takeups = new Takeups(options.runner.database.on('system'), options.logger)
    this.#preparations = new Preparations(options.consumer, options)
  }

  get status(): WorkerStatus {
    const { topic, partition } = this.#options.assigned
    const { end } = this.#cursor
    const position = this.#cursor.position?.next
    const nextProducedAt = this.#backlog.next?.record.timestamp
    const { lastError } = this.#progress
    return { topic, partition, position, end, stillMs: this.#stillMs(position, end), nextProducedAt, lastError }
  }

  #stillMs(position: number | undefined, end: number | undefined): number {
    const isBehind = position === undefined || end === undefined || position < end
    return Math.max(0, this.#progress.stillMs(isBehind) - (this.#options.consumer.batch?.waitMs ?? 0))
  }

  /** Resolves when it has stopped, or come to its end. */
  start(): Promise<void> {
    this.#running = this.#run()
    return this.#running
  }

  /** The position was moved by an operator: it is taken up anew. */
  sought(): void {
    this.#sought.abort()
    this.#cursor.close()
  }

  /** Takes no more records; resolves when the chunk under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cursor.close()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted && !this.#cursor.hasEnded) {
      try {
        if (this.#sought.signal.aborted) this.#cursor.abandon()
        if (!this.#cursor.position) await this.#takeUp()
        // Stopped or sought while taking up: nobody would close the reader that a step waits on.
        if (!this.#interrupted.aborted) await this.#step()
        this.#faults = 0
      } catch (error) {
        await this.#onFault(error)
      }
    }
    this.#cursor.close()
    await this.#takeups.putDown(this.#cursor.position)
  }

  /** Begins, or begins anew, where the database says. */
  async #takeUp(): Promise<void> {
    this.#sought = new AbortController()
    this.#interrupted = AbortSignal.any([this.#stopping.signal, this.#sought.signal])
    this.#backlog = new Backlog()
    this.#preparations = new Preparations(this.#options.consumer, this.#options)
    await this.#cursor.takeUp()
    // After the position: a chunk that another member commits in between then refuses this one's. The other way round, the
    // keys that it holds would not be known.
    await this.#loadHeld()
  }

  /** One chunk. */
  async #step(): Promise<void> {
    const signal = this.#interrupted
    if (this.#backlog.isEmpty) await this.#read()
    await this.#options.retries.room(signal)
    await this.#awaitResume()
    await this.#awaitBreaker()
    if (signal.aborted) return
    // After the waits: a process that is killed while it waits was not killed by a record.
    if (!this.#backlog.isEmpty && this.#takeups.isToNote) await this.#noteTakeup()
    const records = this.#backlog.chunk(this.#chunkSize)
    if (records.length === 0 || signal.aborted) return
    const slow = await this.#prepare(records)
    if (signal.aborted) return
    try {
      this.#done(records, await this.#handle(records, slow))
    } catch (error) {
      if (error instanceof HeldKeysChanged) await this.#loadHeld()
      else if (!(error instanceof StillFailing)) throw error
    }
  }

  get #chunkSize(): number {
    const { consumer, breaker } = this.#options
    const size = consumer.batch?.size ?? this.#size.current
    return breaker.isOpen ? Math.min(probeSize, size) : size
  }

  /** Answers the offsets of records that are not to be waited for. */
  async #prepare(records: readonly DecodedRecord[]): Promise<ReadonlySet<number>> {
    if (!this.#preparations.areNeeded) return new Set()
    const due = records.filter(({ record }) => !this.#held.has(record.key))
    return await this.#preparations.run(due, this.#interrupted)
  }

  async #noteTakeup(): Promise<void> {
    const { position } = this.#cursor
    if (position) this.#cursor.fenced(await this.#takeups.note(position, this.#backlog))
  }

  async #awaitResume(): Promise<void> {
    const { consumer, controls } = this.#options
    if (!controls.isPaused(consumer.name)) return
    await controls.resumed(consumer.name, this.#interrupted)
    this.#progress.rested()
  }

  /** While nothing succeeds, what failed is nobody's fault: it is tried again now and then. */
  async #awaitBreaker(): Promise<void> {
    const { breaker } = this.#options
    if (breaker.isOpen) await breaker.mayProbe(this.#interrupted)
  }

  async #read(): Promise<void> {
    const { assigned, topic } = this.#options
    const records = await this.#cursor.read(this.#mostRecords)
    this.#backlog.fill(records.map((record) => decodeRecord(topic, assigned.partition, record)))
  }

  get #mostRecords(): number {
    return this.#options.consumer.batch?.size ?? mostRecords
  }

  async #handle(records: readonly DecodedRecord[], slow: ReadonlySet<number>): Promise<ChunkOutcome> {
    const { consumer, runner, metrics, copyDeadLetter, tracer } = this.#options
    const { position } = this.#cursor
    if (!position) throw new Error('a chunk needs a position')
    const { conviction } = this.#backlog
    const chunk = {
      consumer,
      position,
      records,
      preparations: this.#preparations,
      watch: this.#options,
      held: this.#held,
      copyDeadLetter,
      takesTurn: this.#turns.areTaken,
      slow,
      convicted: conviction && { offset: conviction.offset, verdict: this.#verdictOn(conviction.error) },
    }
    const started = performance.now()
    try {
      const handle = () => handleChunk(runner, chunk, this.#overseer())
      const outcome = await tracer.inSpan(this.#work(records.length), {}, handle)
      this.#size.committed(records.length, performance.now() - started)
      this.#turns.committed()
      return outcome
    } finally {
      metrics.chunk(performance.now() - started)
    }
  }

  /** A chunk as its span describes it. */
  #work(records: number): Work {
    const { broker, consumer, assigned } = this.#options
    const { topic, partition } = assigned
    return { kind: 'chunk', broker, consumer: consumer.name, topic, partition, records }
  }

  #verdictOn(error: unknown): Verdict {
    const { consumer, logger } = this.#options
    if (isMillraceError(error, 'RECORD_ENDS_PROCESS')) return { error, attempts: convictingTakeups, waitMs: undefined }
    return judge(consumer.retry, error, 1, logger)
  }

  /** Where nothing succeeds and the breaker is open, nothing of it was any record's fault. */
  #overseer(): Overseer {
    const { breaker, runner } = this.#options
    const isProbe = breaker.isOpen
    return {
      judge: (decoded, error, handled) => {
        if (isNobodysFault(runner, error)) throw error
        this.#onFailure(decoded, error)
        // A probe goes on to its end: its first records may be bad ones.
        if (breaker.isOpen && !isProbe && handled === 0) throw new StillFailing()
        return this.#verdictOn(error)
      },
      tried: (handled) => {
        if (handled.length === 0 && breaker.isOpen && !breaker.hasGivenUp) throw new StillFailing()
      },
    }
  }

  #done(chunk: readonly DecodedRecord[], outcome: ChunkOutcome): void {
    const { assigned, breaker, retries, metrics } = this.#options
    this.#cursor.moved(outcome.position)
    this.#takeups.committed()
    this.#progress.moved()
    this.#backlog.done(chunk)
    this.#held.merge(outcome.held)
    for (const { event } of chunk) if (event) this.#preparations.forget(event)
    breaker.succeeded(outcome.handled.slice(-breakerKeys).map(({ record }) => breakerKeyOf(assigned, record)))
    if (outcome.parked > 0) retries.parked(outcome.parked)
    metrics.committed(outcome, chunk.length)
    this.#tellOf(outcome)
  }

  #tellOf({ failed, deadLetters }: ChunkOutcome): void {
    const { logger } = this.#options
    for (const { record, error, attempts } of deadLetters) {
      // What cannot be decoded is counted: a topic may be full of it.
      if (attempts > 0)
        logger.error({ err: error, offset: record.offset, attempts }, 'a record was given up: see the dead letters')
    }
    for (const { offset, verdict } of failed) {
      const waitMs = Math.round(verdict.waitMs ?? 0)
      logger.warn({ err: verdict.error, offset, waitMs }, 'a record failed; it is tried again')
    }
  }

  #onFailure(failed: DecodedRecord, error: unknown): void {
    if (failed.event) this.#preparations.forget(failed.event)
    this.#progress.failed(error)
    this.#options.breaker.failed(breakerKeyOf(this.#options.assigned, failed.record))
    this.#options.metrics.failed()
  }

  async #loadHeld(): Promise<void> {
    const { runner, consumerId, assigned } = this.#options
    this.#held = await HeldKeys.load(runner.database, { consumerId, topicId: assigned.topicId })
  }

  /** The chunk is tried again, and not counted. */
  async #onFault(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#progress.failed(error)
    if (error instanceof PositionMoved) return this.#onPositionMoved()
    this.#faults += 1
    if (this.#options.runner.database.faultOf(error) === 'conflict') this.#onConflict()
    this.#options.logger.warn({ err: error, faults: this.#faults }, 'a chunk could not be handled; it is tried again')
    const wait = Math.min(longestFaultWaitMs, firstFaultWaitMs * 2 ** Math.min(10, this.#faults - 1))
    await waitFor(wait * (0.5 + Math.random() / 2), this.#interrupted)
    if (this.#faults >= suspiciousFaults) await this.#suspect(error)
  }

  #onConflict(): void {
    this.#size.conflicted()
    this.#turns.lost()
  }

  /** The same chunk again and again, while the database is well: perhaps one of its records does it. */
  async #suspect(error: unknown): Promise<void> {
    const isWell = await this.#options.runner.database.query('SELECT 1').then(Boolean, () => false)
    if (!isWell || !this.#cursor.position) return
    this.#faults = 0
    this.#backlog.suspect(error)
  }

  /** A lost connection's commit went through, an operator sought, another member has it, or the server is another. */
  async #onPositionMoved(): Promise<void> {
    this.#options.metrics.positionMoved()
    this.#cursor.abandon()
    await waitFor(firstFaultWaitMs, this.#stopping.signal)
  }
}
