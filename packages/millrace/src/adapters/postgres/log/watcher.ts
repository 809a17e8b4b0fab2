import { Repeatable, Signal } from '../../../core/signal.ts'
import type { LogConfig } from './config.ts'
import { type PartitionKey, readEnds } from './partition-log.ts'

/** Notified after every append, so that other processes look for new records. */
export const logChannel = 'millrace_log'

/** What is known of the end of a partition's log. */
export interface Watch extends PartitionKey {
  /** The highest known end. */
  readonly end: number
  /** Resolves when `end` has changed, or the watch was woken. */
  grown(): Promise<void>
  /** Wakes who waits for it, without a change. */
  wake(): void
  /** The log has grown to this end. */
  grew(end: number): void
  /**
   * The end was read, after `before` was known. What is committed does not go away, unless a database that has lost its
   * last commits took the other's place: then the log begins again from a lower end.
   */
  sawEnd(end: number, before: number): void
  /** Ends the watch. */
  release(): void
}

/**
 * Knows when logs grow, for all readers of a broker. Appends of this process say so themselves; for those of others,
 * a notification or the passing of the poll interval leads to one query for the ends of everything watched.
 */
export class Watcher {
  readonly #config: LogConfig
  readonly #entries = new Map<string, WatchEntry>()
  readonly #refresh = new Repeatable(() => this.#readEnds())
  #timer: NodeJS.Timeout | undefined
  #unlisten: (() => Promise<void>) | undefined

  constructor(config: LogConfig) {
    this.#config = config
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(() => true), this.#config.pollMs)
    // Nobody waits: every reader has records ahead and will find its end by itself, or by the next poll.
    const onNotify = () => this.#look((entry) => entry.waited)
    this.#unlisten = await this.#config.database.listen(logChannel, onNotify)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const unlisten = this.#unlisten
    this.#unlisten = undefined
    await unlisten?.().catch(() => {})
    await this.#refresh.idle()
  }

  watch(key: PartitionKey): Watch {
    const name = nameOf(key)
    const entry = this.#entries.get(name) ?? new WatchEntry(key, () => this.#entries.delete(name))
    this.#entries.set(name, entry)
    return entry.share()
  }

  /** A log has grown to this end. */
  grew(key: PartitionKey, end: number): void {
    this.#entries.get(nameOf(key))?.grew(end)
  }

  #look(matters: (entry: WatchEntry) => boolean): void {
    if ([...this.#entries.values()].some(matters)) this.#refresh.trigger()
  }

  async #readEnds(): Promise<void> {
    const entries = [...this.#entries.values()]
    const before = entries.map(({ end }) => end)
    try {
      const ends = await readEnds(this.#config.database, entries)
      for (const [nth, entry] of entries.entries()) entry.sawEnd(ends[nth] ?? 0, before[nth] ?? 0)
    } catch (error) {
      this.#config.logger.debug({ err: error }, 'the ends of the log could not be read; tried again at the next poll')
    }
  }
}

class WatchEntry implements PartitionKey {
  readonly topicNumber: number
  readonly partition: number
  readonly #signal = new Signal()
  readonly #onUnused: () => void
  #end = 0
  #users = 0
  #waiting = 0

  constructor(key: PartitionKey, onUnused: () => void) {
    this.topicNumber = key.topicNumber
    this.partition = key.partition
    this.#onUnused = onUnused
  }

  get end(): number {
    return this.#end
  }

  get waited(): boolean {
    return this.#waiting > 0
  }

  grew(end: number): void {
    if (end > this.#end) this.#set(end)
  }

  /** See {@link Watch.sawEnd}. */
  sawEnd(end: number, before: number): void {
    if (end < before) this.#set(end)
    else this.grew(end)
  }

  share(): Watch {
    const entry = this
    this.#users += 1
    return {
      topicNumber: this.topicNumber,
      partition: this.partition,
      get end() {
        return entry.#end
      },
      grown: () => this.#grown(),
      wake: () => this.#signal.notify(),
      grew: (end) => this.grew(end),
      sawEnd: (end, before) => this.sawEnd(end, before),
      release: () => this.#release(),
    }
  }

  #set(end: number): void {
    this.#end = end
    this.#signal.notify()
  }

  async #grown(): Promise<void> {
    this.#waiting += 1
    await this.#signal.wait()
    this.#waiting -= 1
  }

  #release(): void {
    this.#users -= 1
    if (this.#users === 0) this.#onUnused()
  }
}

function nameOf({ topicNumber, partition }: PartitionKey): string {
  return `${topicNumber}/${partition}`
}
