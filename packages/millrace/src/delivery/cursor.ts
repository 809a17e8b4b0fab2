import { fail } from '../core/errors.ts'
import type { BrokerRecord, PartitionReader } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import { PositionMoved } from './chunk.ts'
import type { WorkerOptions } from './partition-worker.ts'
import { advancePosition, loadPosition, type Position, skipGap } from './positions.ts'

/** What a cursor needs of its worker. */
export type CursorOptions = Pick<
  WorkerOptions,
  'assigned' | 'broker' | 'consumer' | 'consumerId' | 'logger' | 'metrics' | 'runner' | 'to'
>

/**
 * Where a consumer stands in a partition, by the database, and what it reads from there. What retention has deleted before
 * it was handled is written down and passed over.
 */
export class Cursor {
  readonly #options: CursorOptions
  #reader: PartitionReader | undefined
  #position: Position | undefined
  #hasEnded = false

  constructor(options: CursorOptions) {
    this.#options = options
  }

  /** The first offset that is not handled, and its fence; undefined before it is taken up. */
  get position(): Position | undefined {
    return this.#position
  }

  /** The log's known end. */
  get end(): number | undefined {
    return this.#reader?.end
  }

  /** Whether all has been handled up to where it was to end. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /**
   * Begins, or begins anew, where the database says.
   *
   * @throws POSITION_BEYOND_END, TOPIC_RECREATED, PositionMoved, and the broker's and the database's errors
   */
  async takeUp(): Promise<void> {
    const { assigned, broker, consumer, consumerId, runner, to } = this.#options
    const range = await assigned.range()
    const { topic, topicId, partition } = assigned
    const key = { consumerId, broker, topic, topicId, partition }
    const position = await loadPosition(runner.database, key, range.start)
    const { next } = position
    if (next > range.end) {
      throw fail('POSITION_BEYOND_END', { consumer: consumer.name, position: next, topic, partition, end: range.end })
    }
    const start = Math.min(range.start, to ?? range.start)
    this.#reader = assigned.open(next, to)
    this.#position = next < start ? await this.#skipTo(position, start) : position
    // So that the broker's own tools know the lag also before anything is handled.
    this.#reader.commit(this.#position.next)
  }

  /** The next records. Empty when it was closed, or has ended. */
  async read(most: number): Promise<readonly BrokerRecord[]> {
    const { consumer, to } = this.#options
    try {
      const records = (await this.#reader?.read(most, consumer.batch?.waitMs)) ?? []
      await this.#noteGap(records[0]?.offset ?? 0)
      if (to !== undefined && this.#reader?.hasEnded && records.length === 0) await this.#endAt(to)
      return records
    } catch (error) {
      // What was read is gone with the error, or the log is not what it was: both are read again from the position.
      this.abandon()
      throw error
    }
  }

  /** The position was moved, in a transaction that is committed. */
  moved(position: Position): void {
    this.#position = position
    this.#reader?.commit(position.next)
  }

  /** The position is the same, with another fence. */
  fenced(position: Position): void {
    this.#position = position
  }

  /** Ends a `read` that waits, and all later ones. */
  close(): void {
    this.#reader?.close()
  }

  /** Forgets where it stood: it is to be taken up anew. */
  abandon(): void {
    this.close()
    this.#position = undefined
  }

  /** Retention was faster than the consumer: what is gone is recorded, and the rest is handled. */
  async #skipTo(position: Position, start: number): Promise<Position> {
    const { runner, logger, metrics } = this.#options
    const skip = (transaction: Transaction) => skipGap(transaction, position, start)
    const moved = await runner.database.transaction(skip, { share: 'worker' })
    if (!moved) throw new PositionMoved()
    metrics.skipped(start - position.next)
    logger.error({ from: position.next, to: start }, 'retention has deleted records before they were handled')
    return moved
  }

  /** Offsets may be missing for other reasons (a compacted topic); those below the log's start were deleted. */
  async #noteGap(first: number): Promise<void> {
    const position = this.#position
    if (!position || first <= position.next) return
    const { start } = await this.#options.assigned.range()
    if (start > position.next) this.#position = await this.#skipTo(position, Math.min(start, first))
  }

  /** All that is to be handled has been: the last offsets may belong to no record. */
  async #endAt(to: number): Promise<void> {
    await this.#noteGap(to)
    const position = this.#position
    if (position && position.next < to) {
      const { database } = this.#options.runner
      const advance = (transaction: Transaction) => advancePosition(transaction, position, to)
      this.#position = await database.transaction(advance, { share: 'worker' })
      if (!this.#position) throw new PositionMoved()
    }
    this.#hasEnded = true
  }
}
