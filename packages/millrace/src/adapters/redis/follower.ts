import { fail } from '../../core/errors.ts'
import { Signal } from '../../core/signal.ts'
import type { AssignedPartition, BrokerRecord } from '../../ports/broker.ts'
import type { Follower } from '../../ports/bus.ts'
import type { BusFaults } from './faults.ts'
import { Look } from './look.ts'
import { type Message, type Print, printOf } from './message.ts'
import { Run } from './run.ts'

/** Records that came by the bus and were not read yet take so much; beyond it they are left to the log. */
const mostHeldBytes = 8 * 1024 * 1024
/** However much comes that does not fit, the log is not looked at more often. */
const betweenLooksMs = 50
/** A bus that has just left something out is trusted for so long. */
const shortestSilenceMs = 100
const retryMs = 1_000

/** What a follower follows, and who is told how it fares. */
export interface FollowerOptions {
  readonly partition: AssignedPartition
  readonly from: number
  /** How long the bus may be silent before the log is looked at. */
  readonly lookMs: number
  readonly taken: { bus: number; log: number }
  readonly faults: BusFaults
  readonly closed: (follower: RedisFollower) => void
}

/**
 * Gives the records of a partition as they come by the bus for as long as each goes on behind the one before: by its
 * offset, and by the print of that record. Anything else, or nothing for a time, sends it to the log, until what comes goes
 * on behind what the log has. So nothing is given that follows no record of the log.
 */
export class RedisFollower implements Follower {
  readonly #options: FollowerOptions
  readonly #arrived = new Signal()
  /** It is closed, or the bus has come or gone. */
  readonly #turned = new Signal()
  #turns = 0
  #isClosed = false
  /** Whether all that is sent comes. */
  #isUp = false
  /** The next offset to give, and the print of the record before. */
  #next: number
  #last: Print | undefined
  /** What has come by the bus and was not given yet. */
  #run: Run | undefined
  /** Whether that goes on where the follower is; else it reads the log. */
  #isJoined = false
  #look: Look | undefined
  /** What had come when the look began: if the log has it not, it never was there. */
  #suspect: Run | undefined
  /** Something has come since the look began that could not be kept. */
  #hasLost = false
  /** Something came that did not fit: the log may be another one. */
  #isDoubtful = true
  #isSilent = false
  #seenEnd = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #heardAt = 0
  #silenceMs: number

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#next = options.from
    this.#silenceMs = options.lookMs
  }

  get end(): number {
    const known = this.#isJoined ? this.#run?.end : this.#look?.end
    return Math.max(this.#next, this.#seenEnd, known ?? 0)
  }

  async read(max: number): Promise<BrokerRecord[]> {
    while (!this.#isClosed) {
      const isJoined = this.#isJoined
      const records = isJoined ? this.#takeFromRun(max) : await this.#takeFromLog(max)
      if (records.length > 0) return records
      if (isJoined) await this.#arrival()
    }
    return []
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#turn()
    this.#options.closed(this)
  }

  /** The bus brings all that is sent from now on. */
  up(): void {
    if (this.#isUp) return
    this.#isUp = true
    this.#turn()
  }

  /** The bus is gone. */
  down(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#turn()
  }

  /** A message has come; undefined: one that cannot be read. */
  take(message: Message | undefined): void {
    if (this.#isClosed || !this.#isUp) return
    if (message) this.#place(message)
    else this.#lose('unreadable')
    this.#arrived.notify()
  }

  #place(message: Message): void {
    const end = (message.records.at(-1)?.offset ?? 0) + 1
    if (this.#run?.append(message)) this.#heard()
    else if (end <= (this.#run?.end ?? this.#next)) this.#drop(end)
    else this.#begin(Run.of(message))
    if ((this.#run?.bytes ?? 0) > mostHeldBytes) this.#lose('full')
  }

  /** Known already; or of a database that has lost its last commits, and gives their offsets to others. */
  #drop(end: number): void {
    this.#isDoubtful = true
    // Unless what is held was made up.
    if (!this.#isJoined && end > this.#next) this.#hasLost = true
  }

  #heard(): void {
    this.#heardAt = performance.now()
    this.#silenceMs = this.#options.lookMs
  }

  /** What came before is left to the log. */
  #begin(run: Run): void {
    if (this.#isJoined) this.#options.faults.gap += 1
    this.#isJoined = false
    this.#isDoubtful = true
    this.#run = run
  }

  #lose(fault: 'unreadable' | 'full'): void {
    this.#options.faults[fault] += 1
    this.#isJoined = false
    this.#isDoubtful = true
    this.#hasLost = true
    this.#run = undefined
  }

  /** Begins anew, with a look at the log. */
  #turn(): void {
    this.#turns += 1
    this.#isJoined = false
    this.#isDoubtful = true
    this.#run = undefined
    this.#endLook()
    this.#turned.notify()
    this.#arrived.notify()
  }

  #takeFromRun(max: number): BrokerRecord[] {
    const records = this.#run?.take(max) ?? []
    this.#next += records.length
    this.#last = this.#run?.before
    this.#options.taken.bus += records.length
    return records
  }

  /** Waits for something to come. After a silence the log is looked at. */
  async #arrival(): Promise<void> {
    const leftMs = this.#heardAt + this.#silenceMs - performance.now()
    if (leftMs > 0) return this.#arrived.wait(leftMs)
    this.#isSilent = true
    this.#isJoined = false
    // It is empty, and would go on behind the last record whatever the log has.
    this.#run = undefined
  }

  async #takeFromLog(max: number): Promise<BrokerRecord[]> {
    if (!this.#look) await this.#beginLook()
    const look = this.#look
    if (!look) return []
    const records = await this.#closedBy(() => look.read(max))
    // What was turned meanwhile reads it once more.
    if (this.#look !== look) return []
    if (look.isClosed) this.close()
    this.#gave(records)
    if (this.#joins()) this.#join()
    else if (look.hasEnded) this.#settle()
    return records
  }

  /** Without the bus, the log is read on and on; with it, as far as it reaches now: the rest comes by the bus as well. */
  async #beginLook(): Promise<void> {
    const turns = this.#turns
    await this.#pauseUntil(this.#lookedAt + betweenLooksMs)
    this.#suspect = this.#run
    this.#hasLost = false
    const end = this.#isUp ? await this.#endOfLog() : undefined
    this.#lookedAt = performance.now()
    if (this.#turns !== turns || (this.#isUp && end === undefined)) return
    const isSame = !this.#isDoubtful && end !== undefined && end <= this.#next
    this.#isDoubtful = false
    const last = isSame ? undefined : this.#last
    this.#look = new Look(this.#options.partition, { next: this.#next, last, end })
  }

  /** Undefined where it cannot be told now. */
  async #endOfLog(): Promise<number | undefined> {
    const { partition } = this.#options
    const range = await partition.range().catch(() => undefined)
    if (range === undefined) await this.#pauseUntil(performance.now() + retryMs)
    else if (range.end < Math.min(this.#next, this.#seenEnd)) {
      this.close()
      const place = `${partition.topic}/${partition.partition}`
      throw fail('LOG_SHRANK', { place, end: range.end, offset: this.#next })
    } else this.#seenEnd = Math.max(range.end, this.#next)
    return range?.end
  }

  async #pauseUntil(time: number): Promise<void> {
    const turns = this.#turns
    for (let leftMs = time - performance.now(); leftMs > 0; leftMs = time - performance.now()) {
      if (this.#turns !== turns || this.#isClosed) return
      await this.#turned.wait(leftMs)
    }
  }

  /** A log that is another one ends the follower. */
  async #closedBy<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #gave(records: readonly BrokerRecord[]): void {
    const last = records.at(-1)
    if (!last) return
    this.#next = last.offset + 1
    this.#last = printOf(last)
    this.#options.taken.log += records.length
    if (!this.#isSilent) return
    this.#isSilent = false
    this.#options.faults.missed += 1
    this.#silenceMs = shortestSilenceMs
  }

  /** Whether what has come by the bus goes on behind the last record of the log that was given. */
  #joins(): boolean {
    const run = this.#run
    if (!run) return false
    if (run.isBehind(this.#next - 1, this.#last)) return true
    // Old, or made up.
    if (run.end <= this.#next || run.first <= this.#next) this.#run = undefined
    return false
  }

  /** The log has given all that it had when the look began. */
  #settle(): void {
    this.#endLook()
    // It had come before the look: had it been appended, the log would have it.
    if (this.#run && this.#run === this.#suspect) {
      this.#options.faults.stranger += 1
      this.#run = undefined
    }
    // What came meanwhile and goes on somewhere else, or was lost, needs another look.
    if (!this.#run && !this.#hasLost) this.#join()
  }

  #join(): void {
    this.#endLook()
    const run = this.#run ?? new Run(this.#next, this.#last)
    run.dropBelow(this.#next)
    this.#run = run
    this.#isJoined = true
    this.#heardAt = performance.now()
    if (this.#isSilent) this.#silenceMs = Math.min(2 * this.#silenceMs, this.#options.lookMs)
    this.#isSilent = false
  }

  #endLook(): void {
    this.#look?.close()
    this.#look = undefined
  }
}
