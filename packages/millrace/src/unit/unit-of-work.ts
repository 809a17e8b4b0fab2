import { AsyncLocalStorage } from 'node:async_hooks'
import type { EventCause } from '../contracts/index.ts'
import { fail, messageOf } from '../core/errors.ts'
import type { OutgoingEvent } from '../core/event.ts'
import type { Bind, Db, OutboxTopic, Queryable, QueryResult, Statement, Unit } from '../core/unit.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Database, Transaction } from '../ports/database.ts'

/** What units of work are made with. */
export interface UnitSettings {
  /** Makes the app's query builder. */
  readonly bind: Bind
  /** Checks an event that is published from a unit and makes its record. */
  readonly encode: (event: OutgoingEvent, cause: EventCause | undefined) => OutgoingRecord
  readonly faultOf: Database['faultOf']
}

const current = new AsyncLocalStorage<UnitOfWork>()

/** Whether the caller runs inside a unit of work that is still open. */
export function insideUnit(): boolean {
  return current.getStore()?.open ?? false
}

/**
 * A transaction as user code sees it. One serves a whole transaction; what runs in it runs through {@link run}, one
 * after the other, and the unit is closed in between.
 */
export class UnitOfWork implements Unit {
  readonly #transaction: Transaction
  readonly #settings: UnitSettings
  #records: OutgoingRecord[] = []
  #tasks: (() => void | Promise<void>)[] = []
  #cause: EventCause | undefined
  #db: Db | undefined
  #open = false
  #pending = 0

  constructor(transaction: Transaction, settings: UnitSettings) {
    this.#transaction = transaction
    this.#settings = settings
  }

  /** What was published, in order, for the outbox. */
  get records(): readonly OutgoingRecord[] {
    return this.#records
  }

  /** What is to run after COMMIT. */
  get afterCommitTasks(): readonly (() => void | Promise<void>)[] {
    return this.#tasks
  }

  get open(): boolean {
    return this.#open
  }

  get db(): Db {
    this.#db ??= this.#settings.bind({ query: (statement, values) => this.#send(statement, values) } as Queryable)
    return this.#db
  }

  /**
   * Runs user code in the unit.
   *
   * @param cause the event that is being handled, for what is published meanwhile
   * @throws STATEMENT_PENDING, STATEMENT_FAILED_UNSEEN, and what `work` throws
   */
  async run<T>(work: (unit: Unit) => Promise<T> | T, cause?: EventCause): Promise<T> {
    this.#open = true
    this.#cause = cause
    let result: T
    try {
      result = await current.run(this, () => work(this))
    } catch (error) {
      // The transaction was broken before: the first error, which was caught, is the one that tells something.
      if (this.#settings.faultOf(error) === 'aborted') this.#assertNoFailure()
      throw error
    } finally {
      this.#open = false
    }
    if (this.#pending > 0) throw fail('STATEMENT_PENDING', { count: this.#pending })
    this.#assertNoFailure()
    return result
  }

  /** Runs `part` within a savepoint; when it throws, what it published is forgotten with its rows. */
  async undoable<T>(part: () => Promise<T>): Promise<T> {
    const records = this.#records.length
    const tasks = this.#tasks.length
    try {
      return await this.#transaction.savepoint(part)
    } catch (error) {
      this.#records.length = records
      this.#tasks.length = tasks
      throw error
    }
  }

  publish(...events: readonly OutgoingEvent<string, unknown, OutboxTopic>[]): void {
    this.#assertOpen()
    for (const event of events) this.#records.push(this.#settings.encode(event, this.#cause))
  }

  attempt<T>(part: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.undoable(part)
  }

  afterCommit(task: () => void | Promise<void>): void {
    this.#assertOpen()
    this.#tasks.push(task)
  }

  #send<Row>(statement: string | Statement, values?: readonly unknown[]): Promise<QueryResult<Row>> {
    const result = this.#query<Row>(statement, values)
    // One that nobody waits for fails its handler (STATEMENT_PENDING); its own error must not end the process besides.
    result.catch(() => {})
    return result
  }

  async #query<Row>(statement: string | Statement, values?: readonly unknown[]): Promise<QueryResult<Row>> {
    this.#assertOpen()
    this.#pending += 1
    try {
      return await this.#transaction.query<Row>(statement, values)
    } finally {
      this.#pending -= 1
    }
  }

  #assertNoFailure(): void {
    const { failure } = this.#transaction
    if (failure !== undefined)
      throw fail('STATEMENT_FAILED_UNSEEN', { problem: messageOf(failure) }, { cause: failure })
  }

  #assertOpen(): void {
    if (!this.#open) throw fail('UNIT_CLOSED', {})
  }
}
