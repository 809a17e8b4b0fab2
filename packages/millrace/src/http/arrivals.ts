import { setImmediate as polled, setTimeout as sleep } from 'node:timers/promises'

/** Nobody has sent a request for so long: then those who would have noticed that the process is not ready. */
const quietMs = 250

/** When requests for the app's routes arrived last. */
export class Arrivals {
  #lastAt = Number.NEGATIVE_INFINITY

  /** A request has arrived. */
  note(): void {
    this.#lastAt = performance.now()
  }

  /** Resolves when none has arrived for a moment, within a bound in milliseconds. */
  async ended(boundMs: number): Promise<void> {
    const deadline = performance.now() + boundMs
    do {
      await sleep(Math.max(0, this.#lastAt + quietMs - performance.now()))
      // A process that was too busy has not seen all that has come, and closing would lose it. One round of the event loop
      // takes connections, the next one reads what they have sent.
      await polled()
      await polled()
    } while (performance.now() < Math.min(deadline, this.#lastAt + quietMs))
  }
}
