import { exponential } from '../core/consumer.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Schedule, Tick } from '../core/schedule.ts'
import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'
import { inUnit, type UnitOfWork, type UnitRunner } from '../unit/index.ts'
import type { ScheduleMetrics } from './metrics.ts'
import { type Claim, claimSchedule, failTick, type RunResult, settleRequest, settleTick } from './schedule-rows.ts'
import { type ChosenTick, chooseTick, type Ticks } from './ticks.ts'

/** A schedule in this process. */
export interface OwnSchedule {
  readonly schedule: Schedule
  readonly ticks: Ticks
  readonly metrics: ScheduleMetrics
}

/** Doubled from a second, and never beyond the next tick. */
const backoff = exponential({ first: '1s', cap: '5m' })
/** As much of an error's message is kept, in characters. */
const longestError = 1_000

/** What of a schedule is to be run: a tick of its time-table, or what an operator asked for. */
type Work =
  | { readonly tick: Tick; readonly chosen: ChosenTick; readonly requestId?: never }
  | { readonly tick: Tick; readonly requestId: string }

/** A run that was begun. */
class Run {
  readonly claim: Claim
  readonly work: Work
  readonly #began = performance.now()
  error: unknown
  hasFailed = false

  constructor(claim: Claim, work: Work) {
    this.claim = claim
    this.work = work
  }

  fail(error: unknown): void {
    this.hasFailed = true
    this.error = error
  }

  result(): RunResult {
    const ranMs = performance.now() - this.#began
    const error = this.hasFailed ? messageOf(this.error).replaceAll('\0', '').slice(0, longestError) : null
    return { name: this.claim.name, ranMs, error }
  }
}

/**
 * Runs a schedule once, if it is due or asked for and no other process runs it. Its effects, what it published, and the next
 * tick commit together; where it fails, none of them happens, and the failure is written down.
 *
 * @returns whether it was run, well or not: there may be more to do
 * @throws when it is not known, or could not be written down, what became of it
 */
export async function runSchedule(runner: UnitRunner, own: OwnSchedule, logger: Logger): Promise<boolean> {
  let run: Run | undefined
  try {
    await inUnit(runner, 'worker', async (unit, transaction) => {
      const claim = await claimSchedule(transaction, own.schedule.name)
      const work = claim && (await chooseWork(own, claim))
      if (!claim || !work) return
      run = new Run(claim, work)
      await attempt(unit, transaction, own, run)
    })
  } catch (error) {
    if (!run) throw error
    run.fail(error)
    // The transaction is gone, and the lock with it.
    await writeFailure(runner.database.on('system'), own, run)
  }
  if (run) report(own, run, logger)
  return run !== undefined
}

async function chooseWork({ schedule, ticks }: OwnSchedule, claim: Claim): Promise<Work | undefined> {
  const { request, due, now, retry, timeTable } = claim
  if (request) {
    return { tick: { scheduledAt: new Date(request.at), skipped: 0, requested: true }, requestId: request.id }
  }
  if (timeTable !== ticks.text || Math.max(due, retry ?? 0) > now) return undefined
  const chosen = await chooseTick(ticks, schedule.missed, due, now)
  return { tick: { scheduledAt: new Date(chosen.tick), skipped: chosen.skipped, requested: false }, chosen }
}

/** Runs it within a savepoint: where it fails, the schedule stays locked until that is written down. */
async function attempt(unit: UnitOfWork, transaction: Transaction, own: OwnSchedule, run: Run): Promise<void> {
  const { work } = run
  try {
    await unit.undoable(() => unit.run((open) => own.schedule.run(open, work.tick)))
  } catch (error) {
    if (transaction.failure !== undefined) throw error
    run.fail(error)
    return writeFailure(transaction, own, run)
  }
  if (work.requestId === undefined) await settleTick(transaction, run.result(), work.chosen)
  else await settleRequest(transaction, run.result(), work.requestId)
}

async function writeFailure(connection: Queryable, { ticks }: OwnSchedule, run: Run): Promise<void> {
  const { due, now, attempts } = run.claim
  if (run.work.requestId !== undefined) return settleRequest(connection, run.result(), run.work.requestId)
  const retry = Math.min(now + backoff(attempts + 1), ticks.next(now))
  await failTick(connection, run.result(), due, retry)
}

function report({ metrics }: OwnSchedule, run: Run, logger: Logger): void {
  const { name: schedule, ranMs } = run.result()
  const { scheduledAt, skipped } = run.work.tick
  if (run.hasFailed) {
    metrics.failed(ranMs)
    logger.error({ err: run.error, schedule, scheduledAt }, 'a schedule failed; it is tried again')
  } else metrics.ran(ranMs, skipped)
}
