import type { DecodedRecord } from '../contracts/index.ts'

/**
 * What a worker has read and not handled yet, and how the next chunk is cut from it: as large as the worker likes, but
 * records that are suspected of ending or hanging the process, or of breaking the transaction as a whole, go alone.
 */
export class Backlog {
  #records: DecodedRecord[] = []
  /** Records below this offset go one in a chunk. */
  #suspectedBelow = 0
  /** What the head has failed of, without its handler having said so. */
  #conviction: { readonly offset: number; readonly error: unknown } | undefined

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** The record that is handled next; undefined when empty. */
  get next(): DecodedRecord | undefined {
    return this.#records[0]
  }

  /** A record that has failed, by all that is known: it is not to be handled again. */
  get conviction(): { readonly offset: number; readonly error: unknown } | undefined {
    return this.#conviction
  }

  /** Takes what was read; only when empty. */
  fill(records: DecodedRecord[]): void {
    this.#records = records
  }

  /** The next chunk, of at most `size` records. */
  chunk(size: number): readonly DecodedRecord[] {
    const isSuspected = (this.#records[0]?.record.offset ?? 0) < this.#suspectedBelow
    return this.#records.slice(0, isSuspected ? 1 : size)
  }

  /** The chunk was committed. */
  done(chunk: readonly DecodedRecord[]): void {
    this.#records.splice(0, chunk.length)
    this.#conviction = undefined
  }

  /** What was read goes one record at a time. */
  goAlone(): void {
    this.#suspectedBelow = (this.#records.at(-1)?.record.offset ?? -1) + 1
  }

  /** The head, which goes alone, has failed. */
  convict(error: unknown): void {
    const [head] = this.#records
    if (head) this.#conviction = { offset: head.record.offset, error }
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
