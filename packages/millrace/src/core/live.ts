import type { Db } from './unit.ts'

/** Data, and where in the live updates it stands. */
export interface LiveSnapshot<T> {
  readonly data: T
  /** For a client's `resume`: it is given every update that the data has not, and none that it has. */
  readonly at: string
}

/** What there is to do about live connections. */
export interface Live {
  /**
   * Reads data for a client that goes on with live updates, whatever its channel: in one REPEATABLE READ transaction, which
   * can write nothing.
   *
   * @throws LIVE_UNAVAILABLE, TRANSACTION_NESTED, what `transaction` throws, and what `read` throws
   * @example
   * const { data, at } = await millrace.live.snapshot((db) => tasksOf(db, user.id))
   */
  snapshot<T>(read: (db: Db) => Promise<T>): Promise<LiveSnapshot<T>>
  /**
   * Closes a user's live connections, on every process. The tokens themselves are the app's to refuse from then on:
   * revoke them first.
   *
   * @throws LIVE_UNAVAILABLE where the app has no channels, BROKER_UNAVAILABLE
   */
  revoke(userId: string): Promise<void>
}
