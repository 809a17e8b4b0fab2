import { fail } from '../../core/errors.ts'
import { sizeOf } from '../../core/record-size.ts'
import { Signal } from '../../core/signal.ts'
import type { BrokerRecord, LogRange, PartitionReader } from '../../ports/broker.ts'
import type { Fetched } from './fetched.ts'

/** More is fetched while no more than this is held: together with a request's answer the 1 MiB of the port. */
const roomyRecords = 500
const roomyBytes = 512 * 1024
/** A read that waits for more records than that holds on to so many bytes at most, then takes what there is. */
const waitingBytes = 8 * 1024 * 1024

/** Who fetches for a reader, and what else it tells of its partition. */
export interface ReaderSource {
  /** The partition, for errors: `topic/partition`. */
  readonly place: string
  /** There is room for more. */
  hasRoom(): void
  /** Everything below has been handled. */
  handled(offset: number): void
  /** Nothing is to be fetched any more. */
  closed(): void
}

/** Which partition is read, and from where to where; without an end, the reader goes on with the log. */
export interface ReadBounds {
  readonly partition: number
  readonly from: number
  /** Exclusive. */
  readonly to?: number | undefined
}

/** Reads a partition: its {@link TopicFetcher} fetches the next records while the caller handles those before. */
export class KafkaReader implements PartitionReader {
  readonly partition: number
  readonly #source: ReaderSource
  readonly #arrived = new Signal()
  #held: BrokerRecord[] = []
  #heldBytes = 0
  /** How many records a waiting read wants. */
  #wanted = 0
  #fetchFrom: number
  readonly #to: number
  /** Behind the last record that was handed over. */
  #handedOver: number
  #handled: number
  #end = 0
  #failure: Error | undefined
  #closed = false

  constructor(source: ReaderSource, { partition, from, to = Number.POSITIVE_INFINITY }: ReadBounds) {
    this.#source = source
    this.partition = partition
    this.#fetchFrom = from
    this.#to = to
    this.#handedOver = from
    this.#handled = -1
  }

  /** The next offset to fetch. */
  get fetchFrom(): number {
    return this.#fetchFrom
  }

  get hasRoom(): boolean {
    if (this.#isOver || this.#failure) return false
    if (this.#held.length < this.#wanted) return this.#heldBytes < waitingBytes
    return this.#held.length <= roomyRecords && this.#heldBytes <= roomyBytes
  }

  /** Where only markers and voided records are left, as after a transaction, there is nothing to wait for. */
  get end(): number {
    return this.#isReadToEnd ? this.#handedOver : this.#end
  }

  get hasEnded(): boolean {
    return this.#isOver && !this.#closed && this.#held.length === 0
  }

  /** Takes what a request for {@link fetchFrom} brought. */
  take({ records, next, end }: Fetched): void {
    this.#end = Math.max(this.#end, end)
    this.#fetchFrom = next
    const wanted = next <= this.#to ? records : records.filter(({ offset }) => offset < this.#to)
    if (wanted.length > 0) {
      this.#held = this.#held.length === 0 ? wanted : [...this.#held, ...wanted]
      for (const record of wanted) this.#heldBytes += sizeOf(record)
    } else this.#noteHandled()
    if (wanted.length > 0 || this.#isOver) this.#arrived.notify()
  }

  /** The offset asked for is not there: below the start it goes on at the start, beyond the end it waits. */
  outOfRange({ start, end }: LogRange): void {
    if (this.#fetchFrom < start) {
      this.#fetchFrom = start
      if (this.#held.length === 0) this.#handedOver = start
      if (this.#isOver) this.#arrived.notify()
    } else if (end < Math.min(this.#fetchFrom, this.#end)) {
      this.#fail(fail('LOG_SHRANK', { place: this.#source.place, end, offset: this.#fetchFrom }))
    }
  }

  async read(max: number, waitMs = 0): Promise<BrokerRecord[]> {
    while (this.#held.length === 0 && !this.#isOver && !this.#failure) await this.#arrived.wait()
    if (this.#failure && !this.#closed) throw this.#failure
    if (waitMs > 0) await this.#collect(max, waitMs)
    return this.#handOver(max)
  }

  commit(offset: number): void {
    this.#handled = offset
    this.#noteHandled()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = []
    this.#heldBytes = 0
    this.#arrived.notify()
    this.#source.closed()
  }

  /** Nothing is to come. */
  get #isOver(): boolean {
    return this.#closed || this.#fetchFrom >= this.#to
  }

  get #isReadToEnd(): boolean {
    return this.#held.length === 0 && this.#fetchFrom >= this.#end
  }

  /** As the Java client does, markers behind the last record count as handled with it: the lag is then 0. */
  #noteHandled(): void {
    if (this.#closed || this.#handled < 0) return
    const isAllHandled = this.#held.length === 0 && this.#handled === this.#handedOver
    this.#source.handled(isAllHandled ? Math.max(this.#handled, this.#fetchFrom) : this.#handled)
  }

  async #collect(max: number, waitMs: number): Promise<void> {
    const until = performance.now() + waitMs
    this.#wanted = max
    this.#source.hasRoom()
    for (let left = waitMs; left > 0; left = until - performance.now()) {
      if (this.#held.length >= max || this.#heldBytes >= waitingBytes || this.#isOver) break
      await this.#arrived.wait(left)
    }
    this.#wanted = 0
  }

  #handOver(max: number): BrokerRecord[] {
    const taken = this.#held.length <= max ? this.#held : this.#held.slice(0, max)
    this.#held = this.#held.length <= max ? [] : this.#held.slice(max)
    if (this.#held.length === 0) this.#heldBytes = 0
    else for (const record of taken) this.#heldBytes -= sizeOf(record)
    const last = taken.at(-1)
    if (last) this.#handedOver = last.offset + 1
    if (this.hasRoom) this.#source.hasRoom()
    return taken
  }

  #fail(error: Error): void {
    this.#failure = error
    this.#held = []
    this.#arrived.notify()
  }
}
