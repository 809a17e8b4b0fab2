import { type DecodedRecord, decodeRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import { fail, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { AnyTopic } from '../core/topic.ts'
import { waitFor } from '../core/wait.ts'
import type { AssignedPartition, PartitionReader } from '../ports/broker.ts'
import type { UnitRunner } from '../unit/index.ts'
import { BatchFailed, type ChunkOutcome, handleChunk, PositionMoved, RecordFailed } from './chunk.ts'
import { ChunkSize } from './chunk-size.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { loadPosition, type Position, recordGap } from './positions.ts'
import { Preparations } from './prepare.ts'

/** Records of one chunk at most, for handlers of single events: what a rerun repeats is bounded by it. */
const mostRecords = 200
/** After this many database faults in a row on the same chunk while the database answers, the chunk is suspected. */
const suspiciousFaults = 3
const firstFaultWaitMs = 100
const longestFaultWaitMs = 5_000

export interface WorkerOptions {
  readonly consumer: Consumer
  readonly consumerId: number
  readonly topic: AnyTopic
  readonly assigned: AssignedPartition
  readonly runner: UnitRunner
  readonly metrics: DeliveryMetrics
  readonly logger: Logger
}

/** Where a worker stands, for health and operations. */
export interface WorkerStatus {
  readonly topic: string
  readonly partition: number
  /** The first offset not handled; undefined before it is known. */
  readonly position: number | undefined
  /** The log's known end. */
  readonly end: number | undefined
  /** When the position last moved, or there was nothing to do; milliseconds since 1970. */
  readonly movedAt: number
  readonly lastError: string | undefined
}

interface FailedRecord {
  readonly decoded: DecodedRecord
  readonly error: unknown
  readonly attempts: number
}

/**
 * Handles one partition for one consumer, chunk after chunk, from assignment to revocation.
 *
 * A chunk that fails is rolled back as a whole, and cut at the record that failed: those before it are handled again by
 * themselves, it alone after its back-off, and those behind it go on as usual. So a failing record costs the others of
 * its chunk one repetition at most, whatever their number. A batch that fails is halved until the failing record is alone.
 */
export class PartitionWorker {
  readonly #options: WorkerOptions
  readonly #size: ChunkSize
  readonly #preparations: Preparations
  readonly #stopping = new AbortController()
  /** How often the record at an offset has failed. */
  readonly #attempts = new Map<number, number>()
  /** The record that failed last: due for its back-off or the dead letters as soon as those before it are handled. */
  #failed: FailedRecord | undefined
  #reader: PartitionReader | undefined
  #position: Position | undefined
  /** Read and decoded, not handled yet. */
  #pending: DecodedRecord[] = []
  /** The next chunk takes no more than this: set where the last one was cut. */
  #cut = Number.POSITIVE_INFINITY
  #faults = 0
  /** Records below this offset are handled one in a transaction. */
  #suspectedBelow = 0
  #movedAt = Date.now()
  #lastError: string | undefined
  #running: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#size = new ChunkSize(options.consumer.batch?.size ?? mostRecords)
    this.#preparations = new Preparations(options.consumer)
  }

  get status(): WorkerStatus {
    const { topic, partition } = this.#options.assigned
    const position = this.#position?.next
    const end = this.#reader?.end
    return { topic, partition, position, end, movedAt: this.#movedAt, lastError: this.#lastError }
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Takes no more records; resolves when the chunk under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#reader?.close()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (!this.#position) await this.#takeUp()
        // Stopped while taking up: nobody would close the reader that a step waits on.
        if (!this.#stopping.signal.aborted) await this.#step()
        this.#faults = 0
      } catch (error) {
        await this.#onFault(error)
      }
    }
    this.#reader?.close()
  }

  /** Begins, or begins anew, where the database says. */
  async #takeUp(): Promise<void> {
    const { assigned, consumer, consumerId, runner } = this.#options
    const range = await assigned.range()
    const position = await loadPosition(runner.database, { consumerId, ...assigned }, range.start)
    if (position.next > range.end) {
      throw fail('POSITION_BEYOND_END', {
        consumer: consumer.name,
        position: position.next,
        topic: assigned.topic,
        partition: assigned.partition,
        end: range.end,
      })
    }
    if (position.next < range.start) await this.#noteGap(position, range.start)
    this.#pending = []
    this.#reader = assigned.open(position.next)
    this.#position = position
  }

  async #noteGap(position: Position, start: number): Promise<void> {
    const { runner, logger, metrics } = this.#options
    await recordGap(runner.database, position, start)
    metrics.skipped(start - position.next)
    logger.error({ from: position.next, to: start }, 'retention has deleted records before they were handled')
  }

  /** One chunk. */
  async #step(): Promise<void> {
    if (this.#pending.length === 0) await this.#read()
    if (this.#failed && this.#failed.decoded === this.#pending[0]) return this.#retryOrGiveUp(this.#failed)
    const chunk = this.#takeChunk()
    if (chunk.length === 0) return
    await this.#preparations.run(chunk, this.#stopping.signal)
    if (this.#stopping.signal.aborted) return
    try {
      this.#done(chunk, await this.#handle(chunk))
    } catch (error) {
      if (error instanceof RecordFailed && !this.#isDatabaseFault(error)) this.#onRecordFailed(chunk, error)
      else if (error instanceof BatchFailed && !this.#isDatabaseFault(error)) this.#onBatchFailed(chunk, error)
      else throw error
    }
  }

  async #read(): Promise<void> {
    const { consumer, assigned, topic } = this.#options
    const most = consumer.batch?.size ?? mostRecords
    const records = (await this.#reader?.read(most, consumer.batch?.waitMs)) ?? []
    this.#movedAt = Date.now()
    this.#pending = records.map((record) => decodeRecord(topic, assigned.partition, record))
  }

  #takeChunk(): DecodedRecord[] {
    const first = this.#pending[0]
    // A record that has failed before is tried alone, as is one of a chunk under suspicion.
    const alone = first && (this.#attempts.has(first.record.offset) || first.record.offset < this.#suspectedBelow)
    return this.#pending.slice(0, alone ? 1 : Math.min(this.#cut, this.#chunkSize))
  }

  get #chunkSize(): number {
    // A batch handler was promised batches of its size; only faults make them smaller.
    return this.#options.consumer.batch?.size ?? this.#size.current
  }

  async #handle(records: DecodedRecord[]): Promise<ChunkOutcome> {
    const { consumer, runner, metrics } = this.#options
    if (!this.#position) throw new Error('a chunk needs a position')
    const started = performance.now()
    try {
      const chunk = { consumer, position: this.#position, records, preparations: this.#preparations }
      const outcome = await handleChunk(runner, chunk)
      this.#size.committed(records.length, performance.now() - started)
      return outcome
    } finally {
      metrics.chunk(performance.now() - started)
    }
  }

  #done(chunk: readonly DecodedRecord[], outcome: ChunkOutcome): void {
    this.#position = outcome.position
    this.#pending.splice(0, chunk.length)
    this.#cut = Number.POSITIVE_INFINITY
    this.#movedAt = Date.now()
    this.#lastError = undefined
    for (const { record } of chunk) {
      this.#attempts.delete(record.offset)
      this.#preparations.forget(record.offset)
    }
    this.#reader?.commit(outcome.position.next)
    this.#options.metrics.committed(outcome)
  }

  #onRecordFailed(chunk: readonly DecodedRecord[], { index, cause }: RecordFailed): void {
    const failed = chunk[index]
    if (!failed) throw cause
    this.#countFailure(failed, cause)
    if (index > 0) this.#cut = index
  }

  #onBatchFailed(chunk: readonly DecodedRecord[], { cause }: BatchFailed): void {
    const [only, ...others] = chunk
    if (!only) throw cause
    if (others.length > 0) this.#cut = Math.ceil(chunk.length / 2)
    else this.#countFailure(only, cause)
  }

  #countFailure(decoded: DecodedRecord, error: unknown): void {
    const { offset } = decoded.record
    const attempts = (this.#attempts.get(offset) ?? 0) + 1
    this.#attempts.set(offset, attempts)
    this.#failed = { decoded, error, attempts }
    this.#preparations.forget(offset)
    this.#lastError = messageOf(error)
    this.#options.metrics.failed()
  }

  async #retryOrGiveUp({ decoded, error, attempts }: FailedRecord): Promise<void> {
    const { consumer, logger } = this.#options
    const { offset } = decoded.record
    if (consumer.retry.isFinal(error) || attempts >= consumer.retry.attempts) {
      await this.#giveUp(decoded, error, attempts)
    } else {
      const wait = consumer.retry.backoff(attempts)
      logger.warn({ err: error, offset, attempts, waitMs: Math.round(wait) }, 'a record failed; it is tried again')
      await waitFor(wait, this.#stopping.signal)
    }
    this.#failed = undefined
  }

  async #giveUp(failed: DecodedRecord, error: unknown, attempts: number): Promise<void> {
    const { consumer, runner, logger } = this.#options
    if (!this.#position) return
    const chunk = { consumer, position: this.#position, records: [failed], preparations: this.#preparations }
    const outcome = await handleChunk(runner, { ...chunk, givenUp: { error, attempts } })
    logger.error({ err: error, offset: failed.record.offset, attempts }, 'a record was given up: see the dead letters')
    this.#done([failed], outcome)
  }

  #isDatabaseFault(error: RecordFailed | BatchFailed): boolean {
    const fault = this.#options.runner.database.faultOf(error)
    return fault === 'unavailable' || fault === 'conflict'
  }

  /** What is the database's, the network's or nobody's fault: the chunk is tried again, and not counted. */
  async #onFault(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#lastError = messageOf(error)
    if (error instanceof PositionMoved) return this.#onPositionMoved()
    this.#faults += 1
    if (this.#options.runner.database.faultOf(error) === 'conflict') this.#size.conflicted()
    this.#options.logger.warn({ err: error, faults: this.#faults }, 'a chunk could not be handled; it is tried again')
    const wait = Math.min(longestFaultWaitMs, firstFaultWaitMs * 2 ** Math.min(10, this.#faults - 1))
    await waitFor(wait * (0.5 + Math.random() / 2), this.#stopping.signal)
    if (this.#faults >= suspiciousFaults) await this.#suspect(error)
  }

  /** The same chunk again and again, while the database is well: perhaps one of its records does it. Each alone tells. */
  async #suspect(error: unknown): Promise<void> {
    const { runner } = this.#options
    const [head] = this.#pending
    const last = this.#pending.at(-1)
    if (!head || !last || !(await runner.database.query('SELECT 1').then(Boolean, () => false))) return
    this.#faults = 0
    if (head.record.offset >= this.#suspectedBelow) this.#suspectedBelow = last.record.offset + 1
    else this.#countFailure(head, error instanceof RecordFailed || error instanceof BatchFailed ? error.cause : error)
  }

  /** The commit of a lost connection went through after all, an operator sought, or another member has the partition. */
  async #onPositionMoved(): Promise<void> {
    this.#options.metrics.positionMoved()
    this.#position = undefined
    this.#reader?.close()
    await waitFor(firstFaultWaitMs, this.#stopping.signal)
  }
}
