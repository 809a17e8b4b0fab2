import type { DecodedRecord } from '../contracts/index.ts'
import type { UnitOfWork } from '../unit/index.ts'
import { BatchFailed, type Handlers, handleEvents, RecordFailed } from './handlers.ts'
import type { Parking, Verdict } from './parking.ts'

/**
 * How many records share a savepoint. One that fails costs the others that they are handled a second time, so many of them
 * at most; a savepoint for each would cost every record two statements more.
 */
const pieceSize = 64

/** Decides what is to become of a record that failed, after so many that were handled. What it throws rolls all back. */
export type Judge = (decoded: DecodedRecord, error: unknown, handled: number) => Verdict

/** What a pass works with. */
export interface PassOptions extends Handlers {
  readonly unit: UnitOfWork
  readonly parking: Parking
  readonly judge: Judge
}

/**
 * Runs the handlers of a chunk's records, in order, within its transaction: piece by piece, with a savepoint each. When one
 * fails, its piece is undone, those before it are handled again, it is parked with the later ones of its key, and the next
 * piece begins behind it. So a record is handled twice at most, however many of the others fail.
 *
 * A batch handler, which does not say which record failed, gets the chunk as one piece, and when it fails the halves of
 * it, until the failing records stand alone.
 */
export class Pass {
  readonly #options: PassOptions
  readonly #handled: DecodedRecord[] = []

  constructor(options: PassOptions) {
    this.#options = options
  }

  /** Those whose handlers ran, in order. */
  get handled(): readonly DecodedRecord[] {
    return this.#handled
  }

  /** @param records all of them events */
  async run(records: readonly DecodedRecord[]): Promise<void> {
    if (this.#options.consumer.batch) return this.#runBatch(records)
    let rest = records
    while (rest.length > 0) rest = await this.#runPiece(rest)
  }

  /** Runs the first records, up to one that fails; answers what is left to run. */
  async #runPiece(records: readonly DecodedRecord[]): Promise<readonly DecodedRecord[]> {
    let piece = records.slice(0, pieceSize)
    let failure: RecordFailed | undefined
    // What went well before one that fails goes well again, as a rule. Otherwise the piece ends at the earlier one.
    for (let next = await this.#try(piece); next; next = await this.#try(piece)) {
      if (!(next instanceof RecordFailed)) throw next
      failure = next
      piece = piece.slice(0, next.index)
    }
    const failed = failure && records[piece.length]
    if (!failed) return records.slice(piece.length)
    this.#park(failed, failure?.cause)
    return this.#due(records.slice(piece.length + 1))
  }

  async #runBatch(batch: readonly DecodedRecord[]): Promise<void> {
    const failure = await this.#try(batch)
    const [first] = batch
    if (!failure || !first) return
    if (batch.length === 1) return this.#park(first, failure.cause)
    const half = Math.ceil(batch.length / 2)
    await this.#runBatch(batch.slice(0, half))
    await this.#runBatch(this.#due(batch.slice(half)))
  }

  /** Runs the handlers of some records. When one fails, nothing of it has happened, and the failure is the answer. */
  async #try(records: readonly DecodedRecord[]): Promise<RecordFailed | BatchFailed | undefined> {
    if (records.length === 0) return undefined
    const { unit } = this.#options
    const events = records.flatMap(({ event }, index) => (event ? { index, event } : []))
    try {
      await unit.undoable(() => handleEvents(unit, this.#options, events))
    } catch (error) {
      if (error instanceof RecordFailed || error instanceof BatchFailed) return error
      throw error
    }
    this.#handled.push(...records)
    return undefined
  }

  #park(failed: DecodedRecord, error: unknown): void {
    const { parking, judge } = this.#options
    parking.fail(failed, judge(failed, error, this.#handled.length))
  }

  /** Without those that wait behind one that failed. */
  #due(records: readonly DecodedRecord[]): readonly DecodedRecord[] {
    return records.filter((decoded) => !this.#options.parking.keepsBack(decoded))
  }
}
