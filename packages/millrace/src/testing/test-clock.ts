import type { Clock } from '../core/clock.ts'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { Database } from '../ports/database.ts'
import { schedulesChannel, timersChannel } from '../time/index.ts'

/** A clock that runs with the machine's, ahead of it by an offset: the process's and the database's alike. */
export class TestClock implements Clock {
  readonly #database: Database
  #aheadMs = 0

  constructor(database: Database) {
    this.#database = database
  }

  now(): Date {
    return new Date(Date.now() + this.#aheadMs)
  }

  /**
   * Moves time on: the time of events published from then on, and the database's millrace.now(). What is due by then, timers
   * and schedules, comes soon: `settled()` waits for it.
   */
  advance(by: Duration): Promise<void> {
    return this.#move(milliseconds(by))
  }

  /** Sets time back, as a clock does that was wrong. */
  setBack(by: Duration): Promise<void> {
    return this.#move(-milliseconds(by))
  }

  async #move(ms: number): Promise<void> {
    this.#aheadMs += ms
    await this.#database.query("UPDATE millrace.clock SET ahead = $1 * interval '1 millisecond'", [this.#aheadMs])
    for (const channel of [timersChannel, schedulesChannel]) this.#database.notify(channel)
  }
}
