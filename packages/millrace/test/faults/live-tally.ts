/** What clients found, in all. */
export interface LiveFindings {
  /** How many are live. */
  readonly live: number
  /** Messages that were handed over. */
  readonly handed: number
  /** Times that a client was told to load everything, or a store did. */
  readonly resets: number
  /** Updates that never came, though later ones did or nothing comes any more. */
  readonly missing: number
  readonly repeated: number
  /** Updates that came behind later ones, or data that was older than what was there. */
  readonly misordered: number
}

/** Counts the updates that one client is handed: 1, 2, 3 and so on. */
export class LiveTally {
  #handed = 0
  #resets = 0
  #repeated = 0
  #misordered = 0
  #last = 0
  /** Whether it is not known where the next one stands. */
  #isReset = false
  readonly #skipped = new Set<number>()

  take(n: number): void {
    this.#handed += 1
    if (this.#isReset) this.#last = Math.max(this.#last, n - 1)
    this.#isReset = false
    if (this.#skipped.delete(n)) this.#misordered += 1
    else if (n <= this.#last) this.#repeated += 1
    for (let skipped = this.#last + 1; skipped < n; skipped += 1) this.#skipped.add(skipped)
    this.#last = Math.max(this.#last, n)
  }

  /** It was told that something was missed. */
  reset(): void {
    this.#resets += 1
    this.#isReset = true
  }

  /** It has loaded everything up to `n`. */
  load(n: number): void {
    if (n < this.#last) this.#misordered += 1
    this.#last = Math.max(this.#last, n)
  }

  /** @param total how many there were */
  findings(total: number): Omit<LiveFindings, 'live'> {
    return {
      handed: this.#handed,
      resets: this.#resets,
      missing: this.#skipped.size + (total - this.#last),
      repeated: this.#repeated,
      misordered: this.#misordered,
    }
  }
}

/** The sum of what was found. */
export function sumOf(all: readonly LiveFindings[]): LiveFindings {
  const sum = (field: keyof LiveFindings) => all.reduce((total, one) => total + one[field], 0)
  return {
    live: sum('live'),
    handed: sum('handed'),
    resets: sum('resets'),
    missing: sum('missing'),
    repeated: sum('repeated'),
    misordered: sum('misordered'),
  }
}
