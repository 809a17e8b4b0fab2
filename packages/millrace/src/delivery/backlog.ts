import type { DecodedRecord } from '../contracts/index.ts'

/** How a chunk is to be handled. */
export interface NextChunk {
  readonly records: readonly DecodedRecord[]
  /** Each record within a savepoint: several of them fail. */
  readonly isCareful: boolean
}

/** A careful chunk takes so many records at most: PostgreSQL slows down with savepoints beyond 64. */
const mostCareful = 64

/**
 * What a worker has read and not handled yet, and how the next chunk is cut from it.
 *
 * A chunk that fails at a record is passed again without it; when another one fails then, it is passed carefully, each
 * record by itself. So the others of a chunk are repeated twice at most, whatever the number of those that fail. A batch,
 * which does not say which record failed, is halved until the failing one is alone.
 */
export class Backlog {
  #records: DecodedRecord[] = []
  readonly #failed = new Map<number, unknown>()
  /** The next chunk takes no more than this: where the last batch was halved. */
  #cut = Number.POSITIVE_INFINITY
  /** Records below this offset are handled carefully. */
  #carefulBelow = 0
  /** Records below this offset go one in a chunk. */
  #suspectedBelow = 0

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** The record that is handled next; undefined when empty. */
  get next(): DecodedRecord | undefined {
    return this.#records[0]
  }

  /** The errors of records that failed, by offset; they are not to be handled again by a chunk. */
  get failed(): ReadonlyMap<number, unknown> {
    return this.#failed
  }

  /** Takes what was read; only when empty. */
  fill(records: DecodedRecord[]): void {
    this.#records = records
  }

  /** The next chunk, of at most `size`. */
  chunk(size: number): NextChunk {
    const offset = this.#records[0]?.record.offset ?? 0
    const isCareful = offset < this.#carefulBelow
    const most = offset < this.#suspectedBelow ? 1 : Math.min(this.#cut, size, isCareful ? mostCareful : size)
    return { records: this.#records.slice(0, most), isCareful }
  }

  /** The chunk was committed. */
  done(chunk: readonly DecodedRecord[]): void {
    this.#records.splice(0, chunk.length)
    this.#cut = Number.POSITIVE_INFINITY
    for (const { record } of chunk) this.#failed.delete(record.offset)
  }

  /** The chunk failed at one of its records. */
  failedAt(chunk: readonly DecodedRecord[], index: number, error: unknown): void {
    const failing = chunk[index]
    if (!failing) return
    const isSecond = chunk.some(({ record }) => this.#failed.has(record.offset))
    this.#failed.set(failing.record.offset, error)
    if (isSecond) this.#carefulBelow = endOf(chunk)
  }

  /** The chunk failed as a whole. */
  failedWhole(chunk: readonly DecodedRecord[], error: unknown): void {
    if (chunk.length > 1) this.#cut = Math.ceil(chunk.length / 2)
    else this.failedAt(chunk, 0, error)
  }

  /** What failed is to be tried again: it was not the records' fault. */
  forgive(): void {
    this.#failed.clear()
  }

  /** What was read is to be handled carefully. */
  beCareful(): void {
    this.#carefulBelow = endOf(this.#records)
  }

  /** What was read goes one record at a time. */
  goAlone(): void {
    this.#suspectedBelow = endOf(this.#records)
  }

  /** The head has failed, by all that is known. */
  convict(error: unknown): void {
    const [head] = this.#records
    if (head) this.failedAt([head], 0, error)
  }

  /**
   * Something about the chunk, perhaps one of its records, brings the same fault again and again. First all of them are
   * made to go alone; then the head, being alone, has failed.
   */
  suspect(error: unknown): void {
    const offset = this.#records[0]?.record.offset ?? 0
    if (offset < this.#suspectedBelow) this.convict(error)
    else this.goAlone()
  }
}

function endOf(records: readonly DecodedRecord[]): number {
  return (records.at(-1)?.record.offset ?? -1) + 1
}
