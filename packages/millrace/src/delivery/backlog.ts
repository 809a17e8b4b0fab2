import type { DecodedRecord } from '../contracts/index.ts'

/** A record that failed, why, and how often it has. */
export interface FailedRecord {
  readonly decoded: DecodedRecord
  readonly error: unknown
  readonly attempts: number
}

/**
 * What a worker has read and not handled yet, and how the next chunk is cut from it.
 *
 * A chunk that fails is cut at the record that failed: those before it go by themselves, it alone after its back-off, and
 * those behind it as usual. So a failing record costs the others of its chunk one repetition at most, whatever their
 * number. A batch, which does not say which record failed, is halved until the failing one is alone.
 */
export class Backlog {
  #records: DecodedRecord[] = []
  /** How often the record at an offset has failed. */
  readonly #attempts = new Map<number, number>()
  #failed: FailedRecord | undefined
  /** The next chunk takes no more than this: where the last one was cut. */
  #cut = Number.POSITIVE_INFINITY
  /** Records below this offset go one in a chunk. */
  #suspectedBelow = 0

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** Takes what was read; only when empty. */
  fill(records: DecodedRecord[]): void {
    this.#records = records
  }

  /** The record that failed last, once those before it are handled: due for its back-off, or the dead letters. */
  get failedHead(): FailedRecord | undefined {
    return this.#failed?.decoded === this.#records[0] ? this.#failed : undefined
  }

  /** The next chunk, of at most `size`. A record that has failed goes alone, as does one under suspicion. */
  chunk(size: number): DecodedRecord[] {
    const head = this.#records[0]
    const alone = head && (this.#attempts.has(head.record.offset) || head.record.offset < this.#suspectedBelow)
    return this.#records.slice(0, alone ? 1 : Math.min(this.#cut, size))
  }

  /** The chunk was committed. */
  done(chunk: readonly DecodedRecord[]): void {
    this.#records.splice(0, chunk.length)
    this.#cut = Number.POSITIVE_INFINITY
    for (const { record } of chunk) this.#attempts.delete(record.offset)
    if (this.#failed && chunk.includes(this.#failed.decoded)) this.#failed = undefined
  }

  /** The chunk failed at one of its records. */
  failedAt(chunk: readonly DecodedRecord[], index: number, error: unknown): void {
    const decoded = chunk[index]
    if (!decoded) return
    const attempts = (this.#attempts.get(decoded.record.offset) ?? 0) + 1
    this.#attempts.set(decoded.record.offset, attempts)
    this.#failed = { decoded, error, attempts }
    if (index > 0) this.#cut = index
  }

  /** The chunk failed as a whole. */
  failedWhole(chunk: readonly DecodedRecord[], error: unknown): void {
    if (chunk.length > 1) this.#cut = Math.ceil(chunk.length / 2)
    else this.failedAt(chunk, 0, error)
  }

  /** The failed head's back-off has passed: it is tried again. */
  retry(): void {
    this.#failed = undefined
  }

  /**
   * Something about the chunk, perhaps one of its records, brings the same fault again and again. First all of them are
   * made to go alone; then the head, being alone, has failed.
   */
  suspect(error: unknown): void {
    const [head] = this.#records
    const last = this.#records.at(-1)
    if (!head || !last) return
    if (head.record.offset < this.#suspectedBelow) this.failedAt([head], 0, error)
    else this.#suspectedBelow = last.record.offset + 1
  }
}
