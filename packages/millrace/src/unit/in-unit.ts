import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { ConnectionShare, Database, Transaction } from '../ports/database.ts'
import type { TimerChange } from './timer-change.ts'
import { UnitOfWork, type UnitSettings } from './unit-of-work.ts'

/** Where units of work run. */
export interface UnitRunner extends UnitSettings {
  readonly database: Database
  readonly logger: Logger
  /** Writes what was done to timers, as the last statement but that of `write`; answers what to do after the commit. */
  readonly writeTimers: (transaction: Transaction, changes: readonly TimerChange[]) => () => void
  /** Writes what was published, as the transaction's last statement. */
  readonly write: (transaction: Transaction, records: readonly OutgoingRecord[]) => void
  /** Called after a commit, with what it published. */
  readonly published: (records: readonly OutgoingRecord[]) => void
}

/**
 * Runs `work` in a transaction with its unit of work, writes what it published as the last statement, commits, and then
 * runs what was to run after the commit.
 */
export async function inUnit<T>(
  runner: UnitRunner,
  share: ConnectionShare,
  work: (unit: UnitOfWork, transaction: Transaction) => Promise<T>,
): Promise<T> {
  const { unit, result, timersWritten } = await runner.database.transaction(
    async (transaction) => {
      const unit = new UnitOfWork(transaction, runner)
      const result = await work(unit, transaction)
      const timersWritten = runner.writeTimers(transaction, unit.timers)
      runner.write(transaction, unit.records)
      return { unit, result, timersWritten }
    },
    { share },
  )
  timersWritten()
  if (unit.records.length > 0) runner.published(unit.records)
  for (const task of unit.afterCommitTasks) void runAfterCommit(task, runner.logger)
  return result
}

async function runAfterCommit(task: () => void | Promise<void>, logger: Logger): Promise<void> {
  try {
    await task()
  } catch (error) {
    logger.error({ err: error }, `a task after commit failed: ${messageOf(error)}`)
  }
}
