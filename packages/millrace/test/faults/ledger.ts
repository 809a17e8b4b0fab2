/** One event of a key, which counts from 0 in its stream. */
export interface Mark {
  readonly stream: string
  readonly key: string
  readonly n: number
}

/** What was found amiss; all zero is well. */
export interface Findings {
  /** Acknowledged and never applied. */
  readonly lost: number
  /** Applications beyond the first. */
  readonly twice: number
  /** Applied after a later one of its key. */
  readonly misordered: number
  /** Applied and never published. */
  readonly unknown: number
}

/** Nothing amiss. */
export const flawless: Findings = { lost: 0, twice: 0, misordered: 0, unknown: 0 }

/** What was published, and whether it was acknowledged: what was not may be there, once, or not. */
export class Ledger {
  readonly #entries = new Map<string, { readonly place: number; acknowledged: boolean }>()
  readonly #latest = new Map<string, Mark>()

  /** Notes that a mark is about to be published. The order of these calls is the order of the marks of a key. */
  sent(mark: Mark): void {
    this.#entries.set(nameOf(mark), { place: this.#entries.size, acknowledged: false })
    this.#latest.set(keyOf(mark), mark)
  }

  /** Notes that it was confirmed. */
  acknowledged(mark: Mark): void {
    const entry = this.#entries.get(nameOf(mark))
    if (!entry) throw new Error(`${nameOf(mark)} was acknowledged and not sent`)
    entry.acknowledged = true
  }

  /** The mark of each key that was sent last. */
  latest(): Mark[] {
    return [...this.#latest.values()]
  }

  get size(): number {
    return this.#entries.size
  }

  get acknowledgedCount(): number {
    return [...this.#entries.values()].filter(({ acknowledged }) => acknowledged).length
  }

  /** Compares what was applied, in the order it was, with what was published. */
  examine(applied: readonly Mark[]): Findings {
    const times = new Map<string, number>()
    const furthest = new Map<string, number>()
    const findings = { lost: 0, twice: 0, misordered: 0, unknown: 0 }
    for (const mark of applied) {
      const name = nameOf(mark)
      const entry = this.#entries.get(name)
      const before = times.get(name) ?? 0
      times.set(name, before + 1)
      if (before > 0) findings.twice += 1
      if (!entry) findings.unknown += 1
      else if (before === 0) {
        const key = keyOf(mark)
        if (entry.place < (furthest.get(key) ?? -1)) findings.misordered += 1
        furthest.set(key, Math.max(entry.place, furthest.get(key) ?? -1))
      }
    }
    for (const [name, { acknowledged }] of this.#entries) if (acknowledged && !times.has(name)) findings.lost += 1
    return findings
  }
}

/** What a reader that does not drop repetitions sees of them. */
export interface Repetitions {
  /** How many records there are, each time counted. */
  readonly records: number
  /** Those that were there before. */
  readonly again: number
  /** How far the farthest one lies behind the latest of its key: zero repeats nothing but the one before it. */
  readonly stepBack: number
}

/** Finds records that are in a log again. */
export function repetitionsIn(log: readonly Mark[]): Repetitions {
  const seen = new Set<string>()
  const latest = new Map<string, number>()
  let stepBack = 0
  for (const mark of log) {
    const key = keyOf(mark)
    const ahead = latest.get(key) ?? -1
    if (seen.has(nameOf(mark))) stepBack = Math.max(stepBack, ahead - mark.n)
    seen.add(nameOf(mark))
    latest.set(key, Math.max(ahead, mark.n))
  }
  return { records: log.length, again: log.length - seen.size, stepBack }
}

function keyOf({ stream, key }: Mark): string {
  return JSON.stringify([stream, key])
}

function nameOf({ stream, key, n }: Mark): string {
  return JSON.stringify([stream, key, n])
}
