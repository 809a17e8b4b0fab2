import type { Queryable, Statement } from '../core/unit.ts'

/**
 * Whose connections a transaction takes. `request`: HTTP and what user code starts. `worker`: running chunks, capped
 * below the pool's size. `system`: the framework's own, which user code may wait for and therefore cannot take.
 */
export type ConnectionShare = 'request' | 'worker' | 'system'

/**
 * What a failed statement means for who sent it.
 * - `unavailable`: the connection or server is gone or overloaded, or a table's slice is not there yet (a driver error
 *   about the connection; classes 08 but 08P01, 53, 57; 25P03, 25P04, 57P05): try again later
 * - `conflict`: it lost against another transaction (class 40; 55P03): try again, smaller
 * - `aborted`: an earlier statement of the transaction had failed (25P02): says nothing itself
 * - `statement`: the statement's or its data's own fault
 */
export type DatabaseFault = 'unavailable' | 'conflict' | 'aborted' | 'statement'

/** One open transaction. Statements go out at once, in order, without waiting for the answers before them. */
export interface Transaction extends Queryable {
  /**
   * Sends a statement whose result nobody reads, to share the flight of the next. Its failure fails the transaction
   * and is what {@link Database.transaction} throws.
   */
  send(statement: Statement): void
  /**
   * Runs a part within a savepoint. When it throws, or a statement in it failed even though the error was caught, the
   * part is rolled back and the error passed on; the transaction goes on. Parts run one after the other, or nested.
   */
  savepoint<T>(part: () => Promise<T>): Promise<T>
  /** The first statement's error that no savepoint has undone; undefined while all is well. */
  readonly failure: unknown
}

/** How much of a share of the connections is in use. */
export interface ShareUsage {
  /** Connections on loan. */
  readonly onLoan: number
  /** Callers that wait for one. */
  readonly waiting: number
}

/** How a transaction runs. */
export interface TransactionOptions {
  /** @default 'request' */
  readonly share?: ConnectionShare
  /** @default 'read committed' */
  readonly isolation?: 'read committed' | 'repeatable read'
}

/** A table partitioned by time into slices: `PARTITION BY RANGE` over one `timestamptz` column. */
export interface SlicedTable {
  /** With its schema: `millrace.inbox`. */
  readonly table: string
  /** Length of a slice in milliseconds. Slices begin at multiples of it since 1970. */
  readonly sliceMs: number
  /** A slice is dropped when it ended longer ago than this, and `mayDrop` agrees. */
  readonly keepMs: number
  /** Asked before a slice is dropped, with its table's name. Default: yes. */
  readonly mayDrop?: (slice: string) => Promise<boolean>
}

/** A lock that one process holds until it lets go or its connection is lost. */
export interface Lease {
  /** Aborted when the lock is lost. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/**
 * PostgreSQL. Every connection has the time-outs that make a stopped process give its locks back.
 * A database that is gone fails calls with `unavailable` faults; when it is back they work again without a restart.
 */
export interface Database extends Queryable {
  /**
   * Runs `work` in a transaction and commits. BEGIN shares the flight of the first statement, COMMIT that of the last.
   * Rolls back when `work` throws, when a statement failed (even if `work` caught it), or when COMMIT does not commit.
   *
   * @throws what `work` threw, else the first failed statement's error, COMMIT_FAILED, DATABASE_UNAVAILABLE, DATABASE_POOL_EXHAUSTED
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** The queries of one share outside transactions, one statement each; `query` itself is `request`. */
  on(share: ConnectionShare): Queryable
  /** Takes a session lock by name, or answers undefined at once when another session has it. */
  tryLock(name: string): Promise<Lease | undefined>
  /**
   * Calls back on every notification of a channel, and once after each time the connection was lost and made again,
   * as notifications may have been missed. Resolves with the way to stop.
   */
  listen(channel: string, onNotify: () => void): Promise<() => Promise<void>>
  /** Notifies other processes, soon: calls within a few milliseconds go out as one, outside any transaction. */
  notify(channel: string): void
  /** How many connections are in use now, and wanted. */
  readonly usage: Readonly<Record<ConnectionShare, ShareUsage>>
  /** What an error thrown by this database means; undefined when it is not from the database. */
  faultOf(error: unknown): DatabaseFault | undefined
  /** Creates the slices around now and drops the old ones. Waits for no lock longer than a moment; call it again later. */
  maintainSlices(table: SlicedTable): Promise<void>
  /** Ends all connections; those still on loan are cut after a moment. */
  stop(): Promise<void>
}
