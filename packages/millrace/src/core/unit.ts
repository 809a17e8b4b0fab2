import type { Channel, LiveMessage } from './channel.ts'
import type { Duration } from './duration.ts'
import type { OutgoingEvent } from './event.ts'
import type { AnyTopic } from './topic.ts'

/** A topic that is published from units of work. */
export type OutboxTopic = AnyTopic & { readonly publish: 'outbox' }
/** A topic that is published at once. */
export type DirectTopic = AnyTopic & { readonly publish: 'direct' }

/** One SQL statement with its values. A `name` makes it a prepared statement, kept by the connection. */
export interface Statement {
  readonly text: string
  readonly values?: readonly unknown[]
  readonly name?: string
  /** `'array'`: rows as arrays of columns, in order. */
  readonly rowMode?: 'array'
}

/** What a statement gives back. */
export interface QueryResult<Row = Record<string, unknown>> {
  readonly rows: Row[]
  /** Rows affected, or returned. */
  readonly rowCount: number
}

/** The least that runs SQL. Values are PostgreSQL parameters, `$1` and on. */
export interface Queryable {
  query<Row = Record<string, unknown>>(
    statement: string | Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
}

/**
 * Where an app registers the type of its query builder, once:
 * `declare module 'millrace' { interface Register { db: AppDatabase } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by module augmentation
export interface Register {}

/** The app's query builder, or plain {@link Queryable} where none is registered. */
export type Db = Register extends { db: infer Registered } ? Registered : Queryable

/** Makes the app's query builder over a way to run statements. */
export type Bind = (connection: Queryable) => Db

/** Options of a timer. */
export interface TimerOptions {
  /** By it the timer is moved or cancelled, within its topic and key; 1 to 200 characters. Default: it cannot be. */
  readonly name?: string
}

/**
 * A unit of work: one PostgreSQL transaction in which rows, outgoing events and the memory of what was already
 * handled commit together. It ends with its function: every statement must have been awaited by then.
 */
export interface Unit {
  /** The app's query builder, bound to the transaction. */
  readonly db: Db
  /**
   * Publishes with the rows: the event is written to the outbox by the last statement before COMMIT, and goes out
   * after it, in order. Nothing is published when the unit is rolled back.
   *
   * @throws EVENT_INVALID, RECORD_TOO_LARGE, EVENT_UNKNOWN, PUBLISH_MODE_WRONG at once, before anything is written
   */
  publish(...events: readonly OutgoingEvent<string, unknown, OutboxTopic>[]): void
  /**
   * Sets a timer: publishes the event later, once, to its outbox topic. It is written with the rows, and is not set when
   * the unit is rolled back. The event's time is when it is due, by the database's clock.
   *
   * With a name, any later unit moves the timer by calling this with the same name and an event of the same topic and
   * key, and cancels it by {@link Unit.cancel}. In one unit, the last call of a name counts. A timer that has fired is
   * gone: its name sets a new one.
   *
   * @param when how long after the unit's end, or the time itself; what is past by then is due at once
   * @throws TIMER_INVALID, DURATION_INVALID, and what `publish` throws, at once
   * @example
   * unit.publishAfter('10s', OrderConfirmed({ orderId }), { name: 'confirm' })
   */
  publishAfter(when: Duration | Date, event: OutgoingEvent<string, unknown, OutboxTopic>, options?: TimerOptions): void
  /**
   * Cancels the timer of a name, where there is one: its event is not published once this unit has committed, unless it
   * was before.
   *
   * @param event which topic: `OrderConfirmed`
   * @param key of the timer's event; null for events without one
   * @throws TIMER_INVALID at once
   * @example
   * unit.cancel(OrderConfirmed, orderId, 'confirm')
   */
  cancel(event: { readonly topic: OutboxTopic }, key: string | null, name: string): void
  /**
   * Sends an update to the browsers of an audience, on every process, in the order of commits. It is written with the
   * rows, and is not sent when the unit is rolled back.
   *
   * @throws CHANNEL_UNKNOWN, PUSH_INVALID at once, before anything is written
   * @example
   * unit.push(taskUpdates, task.userId, { type: 'task_created', data: task })
   */
  push<Message extends LiveMessage>(
    channel: Channel<string, Message>,
    audience: string,
    message: NoInfer<Message>,
  ): void
  /**
   * Runs a part that may fail without failing the whole: a savepoint. When it throws, its rows and events are undone
   * and the error is passed on. Parts run one after the other, or one within the other.
   *
   * @throws ATTEMPTS_OVERLAP when another part is under way; so do statements beside it
   */
  attempt<T>(part: () => Promise<T>): Promise<T>
  /** Runs after COMMIT, best effort: not when the process dies in between. Errors are logged. */
  afterCommit(task: () => void | Promise<void>): void
}
