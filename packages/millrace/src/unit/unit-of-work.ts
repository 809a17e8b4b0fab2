import { causeOf, type EventCause } from '../contracts/index.ts'
import type { AnyChannel, Channel, LiveMessage } from '../core/channel.ts'
import type { Duration } from '../core/duration.ts'
import { fail, messageOf } from '../core/errors.ts'
import type { OutgoingEvent, ReceivedEvent } from '../core/event.ts'
import type { Bind, Db, OutboxTopic, Queryable, QueryResult, Statement, TimerOptions, Unit } from '../core/unit.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Database, Transaction } from '../ports/database.ts'
import { type Surroundings, surroundings } from '../tracing/index.ts'
import { cancelTimer, setTimer, type TimerChange } from './timer-change.ts'

/** What units of work are made with. */
export interface UnitSettings {
  /** Makes the app's query builder. */
  readonly bind: Bind
  /** Checks an event that is published from a unit and makes its record. */
  readonly encode: (event: OutgoingEvent, cause: EventCause | undefined) => OutgoingRecord
  /** Checks an update that is pushed from a unit and makes its record. */
  readonly encodePush: (channel: AnyChannel, audience: string, message: unknown) => OutgoingRecord
  readonly faultOf: Database['faultOf']
}

/** A COMMIT of a handler's own would commit the position of records that have not been handled. */
const transactionControl = /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b/i

/** One piece of user code that runs in a unit: a handler. */
interface Run {
  open: boolean
}

/** Where code runs: in a handler, and there in the innermost `attempt` around it. */
interface Scope extends Surroundings {
  readonly run: Run
  readonly attempt: symbol | undefined
}

/** Where the caller runs; undefined outside of handlers. */
function currentScope(): Scope | undefined {
  const here = surroundings.getStore()
  return here && 'run' in here ? (here as Scope) : undefined
}

/** Whether the caller runs inside a unit of work that is still open. */
export function insideUnit(): boolean {
  return currentScope()?.run.open ?? false
}

/**
 * A transaction as user code sees it. One serves a whole transaction; what runs in it runs through {@link run}, one
 * after the other, and the unit is closed in between.
 */
export class UnitOfWork implements Unit {
  readonly #transaction: Transaction
  readonly #settings: UnitSettings
  #records: OutgoingRecord[] = []
  #timers: TimerChange[] = []
  #tasks: (() => void | Promise<void>)[] = []
  #handled: ReceivedEvent | undefined
  #db: Db | undefined
  #run: Run = { open: false }
  /** The innermost attempt under way. */
  #attempt: symbol | undefined
  #pending = 0

  constructor(transaction: Transaction, settings: UnitSettings) {
    this.#transaction = transaction
    this.#settings = settings
  }

  /** What was published, in order, for the outbox. */
  get records(): readonly OutgoingRecord[] {
    return this.#records
  }

  /** What was done to timers, in order. */
  get timers(): readonly TimerChange[] {
    return this.#timers
  }

  /** What is to run after COMMIT. */
  get afterCommitTasks(): readonly (() => void | Promise<void>)[] {
    return this.#tasks
  }

  get db(): Db {
    this.#db ??= this.#settings.bind({ query: (statement, values) => this.#send(statement, values) } as Queryable)
    return this.#db
  }

  /**
   * Runs user code in the unit.
   *
   * @param handled the event that is being handled: the cause of what is published meanwhile
   * @throws STATEMENT_PENDING, STATEMENT_FAILED_UNSEEN, and what `work` throws
   */
  async run<T>(work: (unit: Unit) => Promise<T> | T, handled?: ReceivedEvent): Promise<T> {
    const run = { open: true }
    this.#run = run
    this.#handled = handled
    let result: T
    try {
      const { trace, event } = surroundings.getStore() ?? {}
      const scope: Scope = { run, attempt: undefined, trace, event: handled ?? event }
      result = await surroundings.run(scope, () => work(this))
    } catch (error) {
      // The transaction was broken before: the first error, which was caught, is the one that tells something.
      if (this.#settings.faultOf(error) === 'aborted') this.#assertNoFailure()
      throw error
    } finally {
      run.open = false
    }
    if (this.#pending > 0) throw fail('STATEMENT_PENDING', { count: this.#pending })
    this.#assertNoFailure()
    return result
  }

  /** Runs `part` within a savepoint; when it throws, what it published is forgotten with its rows. */
  async undoable<T>(part: () => Promise<T>): Promise<T> {
    const records = this.#records.length
    const timers = this.#timers.length
    const tasks = this.#tasks.length
    try {
      return await this.#transaction.savepoint(part)
    } catch (error) {
      this.#records.length = records
      this.#timers.length = timers
      this.#tasks.length = tasks
      throw error
    }
  }

  publish(...events: readonly OutgoingEvent<string, unknown, OutboxTopic>[]): void {
    this.#assertOpen()
    this.#assertInnermost()
    const cause = this.#handled && causeOf(this.#handled)
    // All are checked before one is taken: the caller may catch the error and go on.
    this.#records.push(...events.map((event) => this.#settings.encode(event, cause)))
  }

  publishAfter(
    when: Duration | Date,
    event: OutgoingEvent<string, unknown, OutboxTopic>,
    { name }: TimerOptions = {},
  ): void {
    this.#assertOpen()
    this.#assertInnermost()
    const record = this.#settings.encode(event, this.#handled && causeOf(this.#handled))
    this.#timers.push(setTimer(record, when, name))
  }

  cancel({ topic }: { readonly topic: OutboxTopic }, key: string | null, name: string): void {
    this.#assertOpen()
    this.#assertInnermost()
    this.#timers.push(cancelTimer(topic.name, key, name))
  }

  push<Message extends LiveMessage>(channel: Channel<string, Message>, audience: string, message: Message): void {
    this.#assertOpen()
    this.#assertInnermost()
    this.#records.push(this.#settings.encodePush(channel, audience, message))
  }

  /** Adds records of the framework's own to what user code has published. */
  add(records: readonly OutgoingRecord[]): void {
    this.#records.push(...records)
  }

  attempt<T>(part: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    this.#assertInnermost()
    this.#pending += 1
    const outer = this.#attempt
    const attempt = Symbol('attempt')
    this.#attempt = attempt
    const scope: Scope = { ...surroundings.getStore(), run: this.#run, attempt }
    const result = this.undoable(() => surroundings.run(scope, part))
    const end = () => {
      this.#attempt = outer
      this.#settled()
    }
    result.then(end, end)
    return result
  }

  afterCommit(task: () => void | Promise<void>): void {
    this.#assertOpen()
    this.#tasks.push(task)
  }

  /** Not `async`, as the layers below: this is done for each record, and each promise more would show. */
  #send<Row>(statement: string | Statement, values?: readonly unknown[]): Promise<QueryResult<Row>> {
    if (!this.#isOpen()) return Promise.reject(fail('UNIT_CLOSED', {}))
    if (!this.#isInnermost()) return Promise.reject(fail('ATTEMPTS_OVERLAP', {}))
    const text = typeof statement === 'string' ? statement : statement.text
    if (transactionControl.test(text)) return Promise.reject(fail('TRANSACTION_CONTROL', { statement: text.trim() }))
    this.#pending += 1
    const result = this.#transaction.query<Row>(statement, values)
    // One that nobody waits for fails its handler (STATEMENT_PENDING); its own error must not end the process besides.
    result.then(this.#settled, this.#settled)
    return result
  }

  readonly #settled = (): void => {
    this.#pending -= 1
  }

  /**
   * Whether the caller is in the innermost attempt. A savepoint undoes all that was sent after it, whoever sent it: beside
   * an attempt under way, others would lose their rows in silence. Code whose context was lost gets the benefit of the doubt.
   */
  #isInnermost(): boolean {
    const scope = currentScope()
    return scope?.run !== this.#run || scope.attempt === this.#attempt
  }

  #assertInnermost(): void {
    if (!this.#isInnermost()) throw fail('ATTEMPTS_OVERLAP', {})
  }

  #assertNoFailure(): void {
    const { failure } = this.#transaction
    if (failure === undefined) return
    // A lost connection fails BEGIN, which no user code has sent: nobody has kept that error to himself.
    if (this.#settings.faultOf(failure) === 'unavailable') throw failure
    throw fail('STATEMENT_FAILED_UNSEEN', { problem: messageOf(failure) }, { cause: failure })
  }

  #assertOpen(): void {
    if (!this.#isOpen()) throw fail('UNIT_CLOSED', {})
  }

  /** Not for what an earlier handler has left running, either: the unit may be open again for the next one. */
  #isOpen(): boolean {
    return this.#run.open && currentScope()?.run.open !== false
  }
}
