import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { Repeatable, Signal } from '../core/signal.ts'
import type { Database } from '../ports/database.ts'

const channel = 'millrace_controls'
/** A notification comes at once; this is for one that was lost. */
const lookEveryMs = 1_000

interface Told {
  readonly name: string
  readonly paused: boolean
  readonly seeks: number
}

/**
 * What operators say to consumers, in whatever process they say it: that one is paused or goes on, that it has been sought,
 * and that parked records are due.
 */
export class Controls implements Part {
  readonly name = 'controls'
  readonly #database: Database
  readonly #logger: Logger
  readonly #changed = new Signal()
  readonly #listeners = new Set<() => void>()
  readonly #soughtListeners = new Set<(consumer: string) => void>()
  readonly #looking = new Repeatable(() => this.#lookAgain())
  readonly #bySetting: ReadonlySet<string>
  #paused: ReadonlySet<string> = new Set()
  /** How often consumers have been sought; undefined before the first look. */
  #seeks: ReadonlyMap<string, number> | undefined
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

  /** Calls back when a consumer’s positions have been moved by a seek, and once more at worst. */
  onSought(listener: (consumer: string) => void): void {
    this.#soughtListeners.add(listener)
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
    const { rows } = await this.#database.on('system').query<Told>({
      name: 'millrace_controls',
      text: `SELECT name, paused_at IS NOT NULL AS paused, seeks FROM millrace.consumer
              WHERE paused_at IS NOT NULL OR seeks > 0`,
    })
    this.#paused = new Set(rows.filter(({ paused }) => paused).map(({ name }) => name))
    this.#changed.notify()
    this.#noteSeeks(new Map(rows.map(({ name, seeks }) => [name, seeks])))
  }

  #noteSeeks(seeks: ReadonlyMap<string, number>): void {
    const before = this.#seeks
    this.#seeks = seeks
    if (!before) return
    const sought = [...seeks].filter(([name, count]) => count !== (before.get(name) ?? 0)).map(([name]) => name)
    for (const name of sought) for (const listener of this.#soughtListeners) listener(name)
  }
}
