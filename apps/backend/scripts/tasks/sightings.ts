import { setTimeout as delay } from 'node:timers/promises'

const lookEveryMs = 5

/** Something that was waited for. */
export interface Sighting {
  readonly what: string
  /** How long after the beginning; undefined: it did not come in time. */
  readonly ms: number | undefined
}

/** Waits for things, from a beginning on, as long as the patience lasts. */
export class Stopwatch {
  readonly #begun = performance.now()
  readonly #patience: AbortSignal

  constructor(patienceMs: number) {
    this.#patience = AbortSignal.timeout(patienceMs)
  }

  /** Ends what waits. */
  get patience(): AbortSignal {
    return this.#patience
  }

  /** By now it is there. */
  now(what: string): Sighting {
    return { what, ms: performance.now() - this.#begun }
  }

  /** Looks until there is something, which says since when (by `performance.now()`) where it knows. */
  async seen(what: string, look: () => Promise<number | boolean> | number | boolean): Promise<Sighting> {
    while (!this.#patience.aborted) {
      const found = await look()
      if (found !== false) return { what, ms: (found === true ? performance.now() : found) - this.#begun }
      await delay(lookEveryMs)
    }
    return { what, ms: undefined }
  }
}

/** A line for each, in the order they came; what did not come is last. */
export function timetable(sightings: readonly Sighting[]): string {
  const late = Number.POSITIVE_INFINITY
  return sightings
    .toSorted((one, other) => (one.ms ?? late) - (other.ms ?? late))
    .map(({ what, ms }) => `${(ms === undefined ? 'never' : `${Math.round(ms)} ms`).padStart(9)}  ${what}`)
    .join('\n')
}
