import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Schedule } from '../core/schedule.ts'
import { waitFor } from '../core/wait.ts'
import type { UnitRunner } from '../unit/index.ts'
import type { ScheduleMetrics } from './metrics.ts'
import { addSchedule, readSchedules, rearmSchedule, type ScheduleRow } from './schedule-rows.ts'
import { type OwnSchedule, runSchedule } from './schedule-run.ts'
import { ticksOf } from './ticks.ts'

/** Notified when an operator has asked for a run, and when time has jumped. */
export const schedulesChannel = 'millrace_schedules'

/** It is looked again at least so often: for a request whose notification was lost, and a clock that was set. */
const idleMs = 5_000
/** Runs of different schedules at the same time, in one process: each takes one of the workers' connections. */
const mostAtOnce = 3
const heldBackMs = 100
/**
 * So far in the past, a tick of a time-table that this process does not have is nobody's any more; unless something is done
 * about it within so long: ticks may have been missed by everybody.
 */
const orphanedMs = 60_000
const unmovedMs = 1_000
/** A tick so much further off than the time-table's next one shows that the clock was set back; less is its jitter. */
const setBackMs = 60_000

/** What schedules are run with. */
export interface SchedulesOptions {
  readonly schedules: readonly Schedule[]
  readonly runner: UnitRunner
  readonly metrics: (schedule: string) => ScheduleMetrics
  readonly logger: Logger
}

/**
 * Runs schedules when they are due. Every process of the fleet does; the row lock of a schedule lets one of them through.
 *
 * Two versions of a definition, side by side in a rolling deploy, do not fight: a time-table is armed once by each process,
 * when it starts, and from then on a process leaves a schedule alone that was armed otherwise, unless nobody runs it.
 */
export class Schedules implements Part {
  readonly name = 'schedules'
  /** What is under way may go on for a while. */
  readonly stopWithin = '15s'
  readonly #options: SchedulesOptions
  readonly #own: ReadonlyMap<string, OwnSchedule>
  readonly #stopping = new AbortController()
  /** Those whose rows have had this process's time-table since it started. */
  readonly #armed = new Set<string>()
  /** Those with another time-table and an old tick: what they looked like, and since when. */
  readonly #orphans = new Map<string, { readonly looks: string; readonly since: number }>()
  readonly #running = new Map<string, Promise<void>>()
  #unlisten: (() => Promise<void>) | undefined
  #looping: Promise<void> | undefined
  #wake: AbortController = new AbortController()
  #failures = 0

  /** @throws DEFINITION_INVALID */
  constructor(options: SchedulesOptions) {
    this.#options = options
    this.#own = new Map(
      options.schedules.map((schedule) => {
        const { name } = schedule
        return [name, { schedule, ticks: ticksOf(schedule), metrics: options.metrics(name) }]
      }),
    )
  }

  async start(): Promise<void> {
    if (this.#own.size === 0) return
    this.#unlisten = await this.#options.runner.database.listen(schedulesChannel, () => this.#wake.abort())
    await this.#look()
    this.#looping = this.#run()
  }

  /** Begins nothing more, and waits for the runs under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#looping
    await Promise.all(this.#running.values())
    await this.#unlisten?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let waitMs = 0
    while (!signal.aborted) {
      await waitFor(waitMs, AbortSignal.any([signal, this.#wake.signal]))
      if (signal.aborted) return
      this.#wake = new AbortController()
      waitMs = await this.#look().catch((error: unknown) => this.#onFault(error))
    }
  }

  /** Runs what is due; answers how long to wait before the next look. */
  async #look(): Promise<number> {
    const { runner } = this.#options
    const connection = runner.database.on('system')
    const { now, rows } = await readSchedules(connection, [...this.#own.keys()])
    const byName = new Map(rows.map((row) => [row.name, row]))
    let waitMs = idleMs
    for (const [name, own] of this.#own) {
      const row = byName.get(name)
      if (row) waitMs = Math.min(waitMs, await this.#see(own, row))
      else waitMs = Math.min(waitMs, await this.#add(own, now))
    }
    this.#failures = 0
    return waitMs
  }

  async #add({ schedule: { name }, ticks }: OwnSchedule, now: number): Promise<number> {
    const due = ticks.next(now)
    await addSchedule(this.#options.runner.database.on('system'), name, ticks.text, due)
    return due - now
  }

  /** Sees to one schedule; answers in how many milliseconds to look again. */
  async #see(own: OwnSchedule, row: ScheduleRow): Promise<number> {
    const { name, now } = row
    const at = Math.max(row.due, row.retry ?? 0)
    if (this.#mustRearm(own, row)) {
      const due = own.ticks.next(now)
      const isDone = await rearmSchedule(this.#options.runner.database.on('system'), row, own.ticks.text, due)
      if (isDone) this.#armed.add(name)
      return isDone ? due - now : idleMs
    }
    const isMine = row.timeTable === own.ticks.text
    if (isMine) this.#armed.add(name)
    const isWanted = row.isRequested || (isMine && at <= now)
    if (isWanted && !this.#begin(own)) return heldBackMs
    return isMine && at > now ? at - now : idleMs
  }

  #mustRearm({ ticks }: OwnSchedule, row: ScheduleRow): boolean {
    const { name, timeTable, due, now } = row
    if (timeTable !== ticks.text) return !this.#armed.has(name) || this.#isOrphan(row)
    return due > now && due - ticks.next(now) > setBackMs
  }

  #isOrphan({ name, due, retry, lastRun, now }: ScheduleRow): boolean {
    const looks = `${due} ${retry} ${lastRun}`
    const seen = this.#orphans.get(name)
    if (Math.max(due, retry ?? 0) >= now - orphanedMs) return false
    if (seen?.looks === looks) return performance.now() - seen.since >= unmovedMs
    this.#orphans.set(name, { looks, since: performance.now() })
    return false
  }

  /** False where too many others run. */
  #begin(own: OwnSchedule): boolean {
    const { name } = own.schedule
    if (this.#running.has(name) || this.#stopping.signal.aborted) return true
    if (this.#running.size >= mostAtOnce) return false
    const run = this.#runOne(own).finally(() => {
      this.#running.delete(name)
    })
    this.#running.set(name, run)
    return true
  }

  async #runOne(own: OwnSchedule): Promise<void> {
    const { runner, logger } = this.#options
    try {
      if (await runSchedule(runner, own, logger)) this.#wake.abort()
    } catch (error) {
      const { name: schedule } = own.schedule
      logger.warn({ code: codeOf(error), err: error, schedule }, 'a schedule could not be run; it is tried again')
      await waitFor(this.#nextPauseMs(), this.#stopping.signal)
    }
  }

  async #onFault(error: unknown): Promise<number> {
    this.#options.logger.warn({ code: codeOf(error) }, 'schedules could not be looked up; it is tried again')
    return this.#nextPauseMs()
  }

  #nextPauseMs(): number {
    this.#failures += 1
    return Math.min(idleMs, 100 * 2 ** Math.min(10, this.#failures))
  }
}
