const bucketMs = 0.02
const longestMs = 20_000

/** How long many things took: every one of them is counted, at no cost worth speaking of. */
export class Histogram {
  readonly #buckets = new Uint32Array(longestMs / bucketMs + 1)
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    const bucket = Math.min(this.#buckets.length - 1, Math.max(0, Math.floor(ms / bucketMs)))
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count += 1
  }

  /** The time within which so large a part was done, in milliseconds. */
  quantile(part: number): number {
    let left = Math.ceil(this.#count * part)
    const bucket = this.#buckets.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return (bucket + 1) * bucketMs
  }
}
