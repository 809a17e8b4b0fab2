import type { Timer } from './state.ts'
import type { Range } from './waits.ts'

/** The timers of a connection, one of each kind. */
export class Timers {
  readonly #running = new Map<Timer, ReturnType<typeof setTimeout>>()
  readonly #random: () => number
  readonly #rang: (timer: Timer) => void

  /**
   * @param random from 0, below 1
   * @param rang told when one has run out
   */
  constructor(random: () => number, rang: (timer: Timer) => void) {
    this.#random = random
    this.#rang = rang
  }

  /** Has one run out after a time of the range, instead of when it would have. */
  set(timer: Timer, { least, most }: Range): void {
    this.clear(timer)
    const ms = least + this.#random() * (most - least)
    this.#running.set(
      timer,
      setTimeout(() => this.#rang(timer), ms),
    )
  }

  clear(timer: Timer): void {
    clearTimeout(this.#running.get(timer))
  }

  clearAll(): void {
    for (const running of this.#running.values()) clearTimeout(running)
  }
}
