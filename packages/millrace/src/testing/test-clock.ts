import type { Clock } from '../core/clock.ts'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { Database } from '../ports/database.ts'

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

  /** Moves time on: the time of events published from then on, and the database's millrace.now(). */
  async advance(by: Duration): Promise<void> {
    this.#aheadMs += milliseconds(by)
    await this.#database.query("UPDATE millrace.clock SET ahead = $1 * interval '1 millisecond'", [this.#aheadMs])
  }
}
