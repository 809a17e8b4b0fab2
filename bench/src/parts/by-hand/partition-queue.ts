/** What a partition may hold before its reader waits: some chunks more than the one that is written. */
const fullAt = 4_000

/** The records of one partition between what reads them and what writes them. */
export class PartitionQueue<T> {
  #records: T[] = []
  #ended = false
  #changed = Promise.withResolvers<void>()

  put(record: T): void {
    this.#records.push(record)
    if (this.#records.length === 1) this.#tell()
  }

  /** There will be no more. */
  end(): void {
    this.#ended = true
    this.#tell()
  }

  get isFull(): boolean {
    return this.#records.length >= fullAt && !this.#ended
  }

  /** Resolves when there is room. */
  async hasRoom(): Promise<void> {
    while (this.isFull) await this.#changed.promise
  }

  /** What there is, at least one and no more than `most`; none at the end. */
  async take(most: number): Promise<T[]> {
    while (this.#records.length === 0 && !this.#ended) await this.#changed.promise
    const taken = this.#records.splice(0, most)
    this.#tell()
    return taken
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
