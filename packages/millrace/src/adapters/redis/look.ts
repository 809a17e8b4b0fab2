import { fail } from '../../core/errors.ts'
import type { AssignedPartition, BrokerRecord, PartitionReader } from '../../ports/broker.ts'
import { type Print, printOf } from './message.ts'

/** From where the log is read, and to where. */
export interface LookBounds {
  readonly next: number
  /** The print of the record before, which is to be there as it was; undefined: it is not looked at. */
  readonly last: Print | undefined
  /** Exclusive; undefined: it goes on with the log. */
  readonly end: number | undefined
}

/** Reads the log from where a follower is. */
export class Look {
  readonly #place: string
  readonly #next: number
  readonly #last: Print | undefined
  readonly #reader: PartitionReader | undefined
  #isFirst = true
  #isClosed = false

  constructor(partition: AssignedPartition, { next, last, end }: LookBounds) {
    const from = last === undefined ? next : next - 1
    this.#place = `${partition.topic}/${partition.partition}`
    this.#next = next
    this.#last = last
    this.#reader = end !== undefined && end <= from ? undefined : partition.open(from, end)
  }

  /** The highest known end of the log. */
  get end(): number {
    return this.#reader?.end ?? 0
  }

  /** It has given all there is to give. */
  get hasEnded(): boolean {
    return this.#reader?.hasEnded ?? true
  }

  /** There is nothing more for another reason: the topic was closed. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * The next records; empty when it has ended or was closed, or where the first one was known.
   *
   * @throws LOG_SHRANK, LOG_REPLACED
   */
  async read(max: number): Promise<BrokerRecord[]> {
    const records = (await this.#reader?.read(max)) ?? []
    this.#isClosed = records.length === 0 && !this.hasEnded
    if (!this.#isFirst) return records
    this.#isFirst = false
    return this.#withoutKnown(records)
  }

  close(): void {
    this.#reader?.close()
  }

  #withoutKnown(records: BrokerRecord[]): BrokerRecord[] {
    const [first] = records
    // Retention may have removed it.
    if (this.#last === undefined || first?.offset !== this.#next - 1) return records
    if (printOf(first) === this.#last) return records.slice(1)
    throw fail('LOG_REPLACED', { place: this.#place, offset: first.offset })
  }
}
