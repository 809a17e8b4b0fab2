/** A chunk should take no longer than this, so that a rebalance or shutdown is never kept waiting. */
const targetMs = 50
const firstSize = 16

/**
 * How many records the next chunk takes: grows while chunks are fast, shrinks to what fits the target time, and is
 * halved when a chunk lost against another transaction.
 */
export class ChunkSize {
  readonly #most: number
  #size: number

  constructor(most: number) {
    this.#most = most
    this.#size = Math.min(firstSize, most)
  }

  get current(): number {
    return this.#size
  }

  /** Learns from a chunk that was committed. */
  committed(records: number, ms: number): void {
    const fitting = Math.floor((records * targetMs) / Math.max(ms, 0.1))
    this.#size = Math.max(1, Math.min(this.#most, this.#size * 2, fitting))
  }

  /** Learns from a deadlock or serialization failure. */
  conflicted(): void {
    this.#size = Math.max(1, Math.floor(this.#size / 2))
  }
}
