import { sizeOf } from '../../core/record-size.ts'
import type { BrokerRecord } from '../../ports/broker.ts'
import { type Message, type Print, printOf } from './message.ts'

/** Records without a gap, from messages each of which knew the record before it. */
export class Run {
  readonly #records: BrokerRecord[] = []
  #first: number
  /** The print of the record before that; undefined where it is not known. */
  #before: Print | undefined
  #last: Print | undefined
  #bytes = 0

  /** Without a record yet: the first is to come at an offset, behind a record of this print. */
  constructor(first: number, before: Print | undefined) {
    this.#first = first
    this.#before = before
    this.#last = before
  }

  /** Begins with a message, whatever was before it. */
  static of({ before, records }: Message): Run {
    const run = new Run(records[0]?.offset ?? 0, before)
    run.#add(records)
    return run
  }

  /** The offset of the first record that is held, or would be. */
  get first(): number {
    return this.#first
  }

  /** The offset of the record that comes next. */
  get end(): number {
    return this.#first + this.#records.length
  }

  /** The print of the record before the first one held. */
  get before(): Print | undefined {
    return this.#before
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes a message that goes on where it ends; false for any other. */
  append({ before, records }: Message): boolean {
    if (records[0]?.offset !== this.end || before === undefined || before !== this.#last) return false
    this.#add(records)
    return true
  }

  /** Whether it goes on behind the record of an offset and print. */
  isBehind(offset: number, print: Print | undefined): boolean {
    if (print === undefined || offset < this.#first - 1 || offset >= this.end) return false
    const record = this.#records[offset - this.#first]
    return (record ? printOf(record) : this.#before) === print
  }

  /** The next records, which are no longer held. */
  take(max: number): BrokerRecord[] {
    const taken = this.#records.splice(0, max)
    const last = taken.at(-1)
    if (last) this.#before = printOf(last)
    this.#first += taken.length
    for (const record of taken) this.#bytes -= sizeOf(record)
    return taken
  }

  /** Holds nothing below an offset from now on. */
  dropBelow(offset: number): void {
    this.take(Math.max(0, offset - this.#first))
  }

  #add(records: readonly BrokerRecord[]): void {
    for (const record of records) {
      this.#records.push(record)
      this.#bytes += sizeOf(record)
    }
    const last = records.at(-1)
    if (last) this.#last = printOf(last)
  }
}
