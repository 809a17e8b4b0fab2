/** Random numbers that a seed repeats (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** A whole number from 0, below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) % 0x1_0000_0000) % bound
  }

  /** True in so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
}

/** The seeds of a test: `quick` of them from a random one, or those an environment variable says, as `from` or `from:count`. */
export function seedsOf(variable: string, quick: number): number[] {
  const [from, count] = (process.env[variable] ?? '').split(':').map(Number)
  const first = from || Math.floor(Math.random() * 1_000_000)
  return Array.from({ length: count ?? (from ? 1 : quick) }, (_, index) => first + index)
}

/** Lets tasks that run at the same time take their steps in a random order. */
export class Turns {
  readonly #random: Random
  readonly #waiting: (() => void)[] = []
  #arrived = Promise.withResolvers<void>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Waits for the next turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#arrived.resolve()
    })
  }

  /** Gives turns until the tasks have ended; one that waits for a lock that another holds just does not ask for any. */
  async run(tasks: readonly Promise<unknown>[]): Promise<void> {
    let running = true
    const ended = Promise.allSettled(tasks).then((outcomes) => {
      running = false
      this.#arrived.resolve()
      const failed = outcomes.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
    })
    ended.catch(() => {})
    while (running) {
      if (this.#waiting.length === 0) await this.#arrived.promise
      this.#arrived = Promise.withResolvers()
      const [turn] = this.#waiting.splice(this.#random.below(this.#waiting.length || 1), 1)
      turn?.()
      for (let idle = this.#random.below(4); idle > 0; idle -= 1) await new Promise(setImmediate)
    }
    await ended
  }
}
