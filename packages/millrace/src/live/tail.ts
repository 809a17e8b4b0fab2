import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Repeatable, Signal } from '../core/signal.ts'
import { waitFor } from '../core/wait.ts'
import type { Broker, BrokerRecord, OpenTopic } from '../ports/broker.ts'
import type { Bus, Follower } from '../ports/bus.ts'
import type { Database } from '../ports/database.ts'
import { takeRecord } from './entries.ts'
import { History, type HistoryBounds, type Update } from './history.ts'
import type { LiveMetrics } from './metrics.ts'
import { epochOf, markOf, unknownMark } from './token.ts'
import { liveTopic } from './topic.ts'

/** Nobody notifies it: who listens is told when the connection to the database was lost and made again. */
const connectionChannel = 'millrace_live'
const piece = 1_000
/** The most records that are read at start. */
const mostLoaded = 50_000
/** Updates that come while others are written wait for so long at most, and go out together. */
const longestPauseMs = 25
const shortestPauseMs = 1
const retryMs = 1_000

/** What the tail is read with, and who is told. */
export interface TailOptions {
  readonly broker: Broker
  readonly bus: Bus
  readonly database: Database
  readonly logger: Logger
  readonly bounds: HistoryBounds
  readonly metrics: LiveMetrics
  /** Updates have come into the history, in order. */
  readonly arrived: (updates: readonly Update[]) => void
  readonly revoked: (userId: string) => void
  /** The history is another one from now on, and not there yet. */
  readonly lost: () => void
}

/**
 * Reads the live topic, once for all clients of a process, into the history. While what came is being written to sockets,
 * more comes together: an idle process passes an update on at once, a busy one passes on many at a time.
 */
export class Tail {
  readonly #options: TailOptions
  readonly #stopping = new AbortController()
  readonly #grew = new Signal()
  readonly #check = new Repeatable(() => this.#checkHistory())
  #history: History
  #epoch = ''
  #topic: OpenTopic | undefined
  #follower: Follower | undefined
  /** What was there when the topic was opened ends here. */
  #loadedAt = Number.POSITIVE_INFINITY
  #unlisten: (() => Promise<void>) | undefined
  #running: Promise<void> | undefined

  constructor(options: TailOptions) {
    this.#options = options
    this.#history = new History(options.bounds, { offset: -1, mark: unknownMark })
  }

  get history(): History {
    return this.#history
  }

  get epoch(): string {
    return this.#epoch
  }

  /** Whether the history is there. */
  get isReady(): boolean {
    return this.#history.last.offset + 1 >= this.#loadedAt && !this.#stopping.signal.aborted
  }

  /** How many records are known of and not read yet. */
  get lag(): number {
    return Math.max(0, (this.#follower?.end ?? 0) - this.#history.last.offset - 1)
  }

  /** Resolves when the history is there. */
  async start(): Promise<void> {
    await this.#open()
    this.#unlisten = await this.#options.database.listen(connectionChannel, () => this.#check.trigger())
    this.#running = this.#run()
    while (!this.isReady && !this.#stopping.signal.aborted) await this.#grew.wait()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#follower?.close()
    this.#grew.notify()
    await this.#unlisten?.()
    await this.#running
    await this.#check.idle()
    await this.#topic?.close()
  }

  /** Whether the history comes to an offset within a time. */
  async reached(offset: number, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs
    while (this.#history.last.offset < offset) {
      const left = deadline - performance.now()
      if (left <= 0 || this.#stopping.signal.aborted) return false
      await this.#grew.wait(left)
    }
    return true
  }

  async #open(): Promise<void> {
    const { broker, bus, bounds } = this.#options
    const { name } = liveTopic
    const [range, recent] = await Promise.all([broker.ranges(name), broker.offsetsAt(name, Date.now() - bounds.ageMs)])
    const { start, end } = range[0] ?? { start: 0, end: 0 }
    // One more than is asked for: clients that have come so far are known by its mark.
    const first = Math.max(start, (recent[0] ?? end) - 1, end - mostLoaded)
    this.#topic = await broker.openTopic(name)
    this.#epoch = epochOf(this.#topic.id)
    this.#history = new History(bounds, { offset: first - 1, mark: unknownMark })
    this.#loadedAt = end
    const [partition] = this.#topic.all
    this.#follower = partition && bus.follow(partition, first)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const records = await this.#read()
      if (signal.aborted) return
      if (records.length === 0) await this.#openAgain()
      else await this.#rest(this.#take(records))
    }
  }

  async #rest(ms: number): Promise<void> {
    if (ms > 0) await waitFor(ms, this.#stopping.signal)
  }

  /** Nothing where the log is another one. */
  async #read(): Promise<BrokerRecord[]> {
    try {
      return (await this.#follower?.read(piece)) ?? []
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the log of live updates has been replaced')
      return []
    }
  }

  /** Takes records into the history and has them delivered; answers how long to wait for more. */
  #take(records: readonly BrokerRecord[]): number {
    const began = performance.now()
    const updates: Update[] = []
    for (const record of records) {
      const { entry, revokedUser } = takeRecord(record, this.#epoch)
      if (entry.offset !== this.#history.last.offset + 1) {
        this.#skipTo(entry.offset)
        updates.length = 0
      }
      this.#history.append(entry)
      if (entry.update) updates.push(entry.update)
      if (revokedUser !== undefined) this.#options.revoked(revokedUser)
    }
    this.#options.arrived(updates)
    this.#grew.notify()
    const tookMs = performance.now() - began
    this.#options.metrics.flushed(tookMs)
    return tookMs < shortestPauseMs ? 0 : Math.min(tookMs, longestPauseMs)
  }

  /** Retention was faster than this process: what lies before is not known. */
  #skipTo(offset: number): void {
    this.#options.lost()
    this.#history = new History(this.#options.bounds, { offset: offset - 1, mark: unknownMark })
  }

  async #openAgain(): Promise<void> {
    this.#loadedAt = Number.POSITIVE_INFINITY
    this.#options.lost()
    while (!this.#stopping.signal.aborted) {
      try {
        this.#follower?.close()
        await this.#topic?.close()
        return await this.#open()
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'the log of live updates could not be opened; it is tried again')
        await waitFor(retryMs, this.#stopping.signal)
      }
    }
  }

  /**
   * After the connection to the database was lost: a database that has lost its last commits may have taken the other's
   * place, and its log may have come as far again meanwhile.
   */
  async #checkHistory(): Promise<void> {
    while (this.isReady) {
      try {
        if (!(await this.#isStillThere())) this.#follower?.close()
        return
      } catch (error) {
        this.#options.logger.warn({ problem: messageOf(error) }, 'the log of live updates could not be checked')
        await waitFor(retryMs, this.#stopping.signal)
      }
    }
  }

  /** Whether the last record is in the log as it was read. */
  async #isStillThere(): Promise<boolean> {
    const { offset, mark } = this.#history.last
    if (mark === unknownMark) return true
    const { broker } = this.#options
    const [range] = await broker.ranges(liveTopic.name)
    if (range === undefined || range.end <= offset) return false
    const topic = await broker.openTopic(liveTopic.name)
    try {
      const [record] = (await topic.all[0]?.open(offset, offset + 1).read(1)) ?? []
      return record === undefined || markOfRecord(record) === mark
    } finally {
      await topic.close()
    }
  }
}

function markOfRecord(record: BrokerRecord): string {
  const { xid, appendedAt } = takeRecord(record, '').entry
  return markOf(xid, appendedAt)
}
