import { fail } from '../../../core/errors.ts'
import { sizeOf } from '../../../core/record-size.ts'
import { isSameRecord } from '../../../core/same-record.ts'
import { Signal } from '../../../core/signal.ts'
import type { BrokerRecord, PartitionReader } from '../../../ports/broker.ts'
import type { LogConfig } from './config.ts'
import { readBounds, readRecords } from './partition-log.ts'
import type { Watch } from './watcher.ts'

/** A piece is fetched when no more than a piece is held: together the 1,000 records and 1 MiB of the port. */
const pieceRecords = 500
const pieceBytes = 512 * 1024
/** A read that waits for more records than that holds on to so many bytes at most, then takes what there is. */
const waitingBytes = 8 * 1024 * 1024
const firstRetryMs = 50
const longestRetryMs = 1_000

/** From where to where a reader reads; without an end it goes on with the log. */
export interface ReadBounds {
  readonly from: number
  /** Exclusive. */
  readonly to?: number | undefined
}

/** Reads a partition of the log: fetches the next piece while the caller handles the one before. */
export class LogReader implements PartitionReader {
  readonly #config: LogConfig
  readonly #watch: Watch
  readonly #name: string
  /** Something has changed for who fetches, or for who reads. */
  readonly #room = new Signal()
  readonly #arrived = new Signal()
  readonly #ended = new Signal()
  #held: BrokerRecord[] = []
  #heldBytes = 0
  /** How many records a waiting read wants. */
  #wanted = 0
  /** The next offset to fetch, and the record that was fetched before. */
  #next: number
  #last: BrokerRecord | undefined
  readonly #to: number
  /** The highest end seen. */
  #seenEnd = 0
  #failure: Error | undefined
  #closed = false

  /**
   * Begins to fetch at once. The reader releases the watch when it is closed.
   *
   * @param name the partition's, for errors: `topic/partition`
   */
  constructor(config: LogConfig, watch: Watch, name: string, { from, to = Number.POSITIVE_INFINITY }: ReadBounds) {
    this.#config = config
    this.#watch = watch
    this.#name = name
    this.#next = from
    this.#to = to
    void this.#fetch()
  }

  get end(): number {
    return this.#watch.end
  }

  get hasEnded(): boolean {
    return this.#isOver && !this.#closed && this.#held.length === 0
  }

  async read(max: number, waitMs = 0): Promise<BrokerRecord[]> {
    while (this.#held.length === 0 && !this.#isOver && !this.#failure) await this.#arrived.wait()
    if (this.#failure && !this.#closed) throw this.#failure
    if (waitMs > 0) await this.#collect(max, waitMs)
    return this.#take(max)
  }

  commit(): void {
    // The log keeps no positions: those in the database, beside the rows they stand for, are the only ones.
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = []
    this.#room.notify()
    this.#arrived.notify()
    this.#ended.notify()
    this.#watch.wake()
    this.#watch.release()
  }

  async #collect(max: number, waitMs: number): Promise<void> {
    const until = performance.now() + waitMs
    this.#wanted = max
    this.#room.notify()
    for (let left = waitMs; left > 0; left = until - performance.now()) {
      if (this.#held.length >= max || this.#heldBytes >= waitingBytes || this.#isOver) break
      await this.#arrived.wait(left)
    }
    this.#wanted = 0
  }

  #take(max: number): BrokerRecord[] {
    const taken = this.#held.length <= max ? this.#held : this.#held.slice(0, max)
    this.#held = this.#held.length <= max ? [] : this.#held.slice(max)
    this.#heldBytes = this.#held.length === 0 ? 0 : this.#heldBytes - bytesOf(taken)
    this.#room.notify()
    return taken
  }

  /** Nothing is to come. */
  get #isOver(): boolean {
    return this.#closed || this.#next >= this.#to
  }

  async #fetch(): Promise<void> {
    await this.#retried(async () => this.#watch.grew(await this.#locate()))
    while (!this.#isOver && !this.#failure && !this.#hasShrunk()) {
      if (!this.#hasRoom()) await this.#room.wait()
      else if (this.#next >= this.#watch.end) await this.#watch.grown()
      else await this.#retried(() => this.#fetchPiece())
    }
    this.#arrived.notify()
  }

  /**
   * Whether the log ends before what was read of it: a database that has lost its last commits has taken the other's
   * place. Other records will get the offsets, and what is held is of a log that is no more.
   */
  #hasShrunk(): boolean {
    const { end } = this.#watch
    this.#seenEnd = Math.max(this.#seenEnd, end)
    if (end >= Math.min(this.#next, this.#seenEnd)) return false
    this.#fail(fail('LOG_SHRANK', { place: this.#name, end, offset: this.#next }))
    return true
  }

  #fail(failure: Error): void {
    this.#failure = failure
    this.#held = []
    this.#arrived.notify()
  }

  #hasRoom(): boolean {
    if (this.#held.length < this.#wanted) return this.#heldBytes < waitingBytes
    return this.#held.length <= pieceRecords && this.#heldBytes <= pieceBytes
  }

  async #fetchPiece(): Promise<void> {
    const before = this.#watch.end
    const records = await this.#readBehindLast()
    if (this.#closed || records === undefined) return
    const last = records.at(-1)
    // Below the known end, and yet nothing: retention was faster, or a database has lost its last commits.
    if (last === undefined) return this.#watch.sawEnd(await this.#locate(), before)
    this.#next = last.offset + 1
    this.#last = last
    this.#held = this.#held.length === 0 ? records : [...this.#held, ...records]
    this.#heldBytes += bytesOf(records)
    this.#arrived.notify()
  }

  /**
   * The next piece. The record before it is read once more: a log that was replaced may have come as far again before
   * anybody looked, and then nothing else tells. Undefined where it has another record there.
   */
  async #readBehindLast(): Promise<BrokerRecord[] | undefined> {
    const known = this.#last?.offset === this.#next - 1 ? this.#last : undefined
    const records = await readRecords(this.#config.database, this.#watch, {
      first: known?.offset ?? this.#next,
      beyond: Math.min(this.#next + pieceRecords, this.#to),
      bytes: pieceBytes + (known ? sizeOf(known) : 0),
    })
    const [first] = records
    // Retention may have removed it.
    if (!known || first?.offset !== known.offset) return records
    if (isSameRecord(first, known)) return records.slice(1)
    if (!this.#closed) this.#fail(fail('LOG_REPLACED', { place: this.#name, offset: known.offset }))
    return undefined
  }

  /** Goes on behind what is not there any more; answers the log's end. */
  async #locate(): Promise<number> {
    const { start, end, nearest } = await readBounds(this.#config.database, this.#watch, this.#next)
    const to = Math.max(this.#next, start, nearest ?? 0)
    if (to > this.#next) {
      const { topicNumber, partition } = this.#watch
      this.#config.logger.info({ topicNumber, partition, from: this.#next, to }, 'a reader goes on behind a gap')
      this.#next = to
    }
    return end
  }

  async #retried(work: () => Promise<void>): Promise<void> {
    for (let waitMs = firstRetryMs; !this.#closed; waitMs = Math.min(longestRetryMs, waitMs * 2)) {
      try {
        return await work()
      } catch (error) {
        if (waitMs === firstRetryMs) this.#complain(error)
        if (!this.#closed) await this.#ended.wait(waitMs)
      }
    }
  }

  #complain(error: unknown): void {
    const level = this.#config.database.faultOf(error) === 'unavailable' ? 'warn' : 'error'
    this.#config.logger[level]({ err: error }, 'reading the log failed; trying again')
  }
}

function bytesOf(records: readonly BrokerRecord[]): number {
  let bytes = 0
  for (const record of records) bytes += sizeOf(record)
  return bytes
}
