import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { waitFor } from '../core/wait.ts'
import { Leadership } from '../outbox/index.ts'
import type { Database, Lease } from '../ports/database.ts'
import { beginning, findOvertaken, fireTimers, type Place } from './firing.ts'
import type { TimerMetrics } from './metrics.ts'
import { countTimers } from './timer-state.ts'

/** Notified when units have committed timers that are due soon, and when time has jumped. */
export const timersChannel = 'millrace_timers'

/**
 * How far ahead the leader looks, and how often it looks at least: with nothing due so soon, and with something, for a
 * wake-up that was lost. Who commits a timer that is due sooner wakes it.
 */
const horizonMs = 1_000
const watchfulMs = 250
/** The least time between two pieces, where the first was not full: timers of that time fire together. */
const restMs = 10
/** Another process fires at the moment: one that led before, and was stopped. */
const contendedMs = 50
/** How often it is looked for overtaken timers: at least this long after the last look, and so many times what that took. */
const overtakenPauseMs = 200
const overtakenShare = 20
const countEveryMs = 10_000
/** After faults, one after the other, it is tried again at least so often. */
const longestPauseMs = 5_000

/** What timers are fired with. */
export interface TimersOptions {
  readonly database: Database
  /** The broker of each of the app's topics. */
  readonly lanes: Readonly<Record<string, string>>
  readonly logger: Logger
  readonly metrics: TimerMetrics
  /** Told that events for these brokers have come into the outbox. */
  readonly fired: (lanes: readonly string[]) => void
}

/** How the timers of a database do, as the process that fires them knows it. */
export interface TimersStatus {
  /** For how long it has not come to an end of firing, well, in milliseconds. */
  readonly stillMs: number
  /** How late the timers were that it fired last, where more are due. */
  readonly lateMs: number
  /** Code or name of what last went wrong, until something goes well. */
  readonly lastError: string | undefined
}

/**
 * Publishes the events of timers when they are due: moves them to the outbox, in the order of their due times, each in the
 * transaction that deletes its timer, so exactly once. One process leads; one that was stopped and resumed does no harm, as
 * firing is one statement that the database lets one session run at a time.
 */
export class Timers implements Part {
  readonly name = 'timers'
  readonly #options: TimersOptions
  readonly #leadership: Leadership
  #unlisten: (() => Promise<void>) | undefined
  /** When the leader fires next, by the process's own clock. */
  #nextAt = 0
  /** Not before then, whoever wakes it. */
  #restUntil = 0
  #overtakenAt = 0
  #countAt = 0
  /** Found below the place that rounds go on from, to be fired with the next one. */
  #overtaken: Place[] = []
  #looking: Promise<void> | undefined
  #progressAt = 0
  #lateMs = 0
  #lastError: string | undefined
  #failures = 0

  constructor(options: TimersOptions) {
    this.#options = options
    this.#leadership = new Leadership({
      database: options.database,
      lock: 'timers',
      lead: (lease) => this.#lead(lease),
      recover: (error) => this.#recover(error),
    })
  }

  /** Undefined where another process fires them. */
  get status(): TimersStatus | undefined {
    if (!this.#leadership.isLeading) return undefined
    const stillMs = performance.now() - this.#progressAt
    return { stillMs, lateMs: this.#lateMs, lastError: this.#lastError }
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.database.listen(timersChannel, () => this.#fireAt(performance.now()))
    this.#leadership.start()
  }

  async stop(): Promise<void> {
    await this.#leadership.stop()
    await this.#unlisten?.()
  }

  /** Says that this process has committed timers, of which the first is due in so many milliseconds. */
  wake(inMs: number): void {
    if (this.#leadership.isLeading) this.#fireAt(performance.now() + inMs)
    else if (inMs < horizonMs) this.#options.database.notify(timersChannel)
  }

  #fireAt(time: number): void {
    const at = Math.max(time, this.#restUntil)
    if (at >= this.#nextAt) return
    this.#nextAt = at
    this.#leadership.signal()
  }

  async #lead({ lost }: Lease): Promise<void> {
    const { stopping } = this.#leadership
    let place = beginning
    this.#nextAt = 0
    this.#restUntil = 0
    this.#overtaken = []
    this.#progressAt = performance.now()
    try {
      while (!lost.aborted && !stopping.aborted) {
        const waitMs = this.#nextAt - performance.now()
        if (waitMs > 0) await this.#leadership.wait(waitMs)
        else place = await this.#fire(place).catch((error: unknown) => this.#onFault(error, place))
      }
    } finally {
      await this.#looking
      this.#options.metrics.pending(0)
    }
  }

  /** Fires a piece; answers where to go on. */
  async #fire(after: Place): Promise<Place> {
    const { database, lanes, metrics, fired } = this.#options
    const began = performance.now()
    // Who wakes it from here on does so for what this piece may not see.
    this.#nextAt = Number.POSITIVE_INFINITY
    const others = this.#overtaken.splice(0)
    const done = await fireTimers(database.on('system'), { after, others, lanes, horizonMs })
    this.#restUntil = done?.isFull ? began : began + restMs
    this.#nextAt = Math.max(this.#nextAt, this.#restUntil)
    if (!done) {
      this.#fireAt(performance.now() + contendedMs)
      return after
    }
    this.#progressed(done.isFull ? Math.max(0, ...done.lateMs) : 0)
    if (done.lanes.length > 0) fired(done.lanes)
    metrics.fired(done.lateMs)
    this.#lookAround(after)
    this.#fireAt(done.isFull ? began : performance.now() + pauseMs(done.nextInMs))
    return done.next
  }

  #progressed(lateMs: number): void {
    this.#progressAt = performance.now()
    this.#lateMs = lateMs
    this.#lastError = undefined
    this.#failures = 0
  }

  /** Begins to look for what was overtaken, now and then, beside the firing: it may take long. */
  #lookAround(place: Place): void {
    if (this.#looking || performance.now() < this.#overtakenAt) return
    this.#looking = this.#findOvertaken(place)
      .catch((error: unknown) => {
        this.#options.logger.debug(
          { code: codeOf(error) },
          'overtaken timers could not be looked for; it is tried again',
        )
      })
      .finally(() => {
        this.#looking = undefined
      })
  }

  async #findOvertaken(place: Place): Promise<void> {
    const { database, metrics } = this.#options
    const began = performance.now()
    const found = await findOvertaken(database.on('system'), place)
    const ended = performance.now()
    this.#overtakenAt = ended + Math.max(overtakenPauseMs, overtakenShare * (ended - began))
    this.#overtaken = found
    if (found.length > 0) this.#fireAt(ended)
    if (ended < this.#countAt) return
    this.#countAt = ended + countEveryMs
    metrics.pending((await countTimers(database.on('system'))).pending)
  }

  /** Goes on from the same place, after a pause. */
  #onFault(error: unknown, place: Place): Place {
    this.#failures += 1
    this.#lastError = codeOf(error)
    this.#options.logger.warn({ err: error }, 'timers could not be fired; it is tried again')
    this.#restUntil = performance.now() + Math.min(longestPauseMs, 100 * 2 ** Math.min(10, this.#failures))
    this.#nextAt = this.#restUntil
    return place
  }

  /** The lock could not be asked for. */
  async #recover(error: unknown): Promise<void> {
    this.#options.logger.warn({ code: codeOf(error) }, 'whether to fire timers is not known; it is asked again')
    await waitFor(horizonMs, this.#leadership.stopping)
  }
}

function pauseMs(nextInMs: number | undefined): number {
  return nextInMs === undefined ? horizonMs : Math.min(nextInMs, watchfulMs)
}
