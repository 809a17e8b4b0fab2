import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { Repeatable, Signal } from '../core/signal.ts'
import type { Database } from '../ports/database.ts'

const channel = 'millrace_controls'
/** A notification comes at once; this is for one that was lost. */
const lookEveryMs = 1_000

/**
 * What operators say to consumers, in whatever process they say it: that one is paused or goes on, and that parked records
 * are due.
 */
export class Controls implements Part {
  readonly name = 'controls'
  readonly #database: Database
  readonly #logger: Logger
  readonly #changed = new Signal()
  readonly #listeners = new Set<() => void>()
  readonly #looking = new Repeatable(() => this.#lookAgain())
  readonly #bySetting: ReadonlySet<string>
  #paused: ReadonlySet<string> = new Set()
  #unlisten: (() => Promise<void>) | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param bySetting consumers that are paused in this process, whatever operators say */
  constructor(database: Database, logger: Logger, bySetting: ReadonlySet<string> = new Set()) {
    this.#database = database
    this.#logger = logger
    this.#bySetting = bySetting
  }

  /** To be awaited before consumers start: one that is paused must not handle anything first. */
  async start(): Promise<void> {
    this.#unlisten = await this.#database.listen(channel, () => this.#tell())
    await this.#look()
    this.#timer = setInterval(() => this.#looking.trigger(), lookEveryMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#unlisten?.()
    await this.#looking.idle()
  }

  isPaused(consumer: string): boolean {
    return this.#paused.has(consumer) || this.isPausedBySetting(consumer)
  }

  isPausedBySetting(consumer: string): boolean {
    return this.#bySetting.has(consumer)
  }

  /** Resolves when a consumer is not paused, when the signal is aborted, or after so many milliseconds. */
  async resumed(consumer: string, signal: AbortSignal, ms?: number): Promise<void> {
    const wake = () => this.#changed.notify()
    signal.addEventListener('abort', wake)
    const deadline = ms === undefined ? Number.POSITIVE_INFINITY : performance.now() + ms
    while (this.isPaused(consumer) && !signal.aborted && performance.now() < deadline) await this.#changed.wait(ms)
    signal.removeEventListener('abort', wake)
  }

  /** Calls back when something was said. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Says, after a commit, that something has changed; resolves when this process knows it. */
  async announce(): Promise<void> {
    this.#database.notify(channel)
    this.#tell()
    await this.#looking.idle()
  }

  #tell(): void {
    this.#looking.trigger()
    for (const listener of this.#listeners) listener()
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      // What was known last holds until the database answers.
      this.#logger.debug({ code: codeOf(error) }, 'paused consumers could not be looked up; it is tried again')
    }
  }

  async #look(): Promise<void> {
    const { rows } = await this.#database.on('system').query<{ name: string }>({
      name: 'millrace_paused',
      text: 'SELECT name FROM millrace.consumer WHERE paused_at IS NOT NULL',
    })
    this.#paused = new Set(rows.map(({ name }) => name))
    this.#changed.notify()
  }
}
