import { type Duration, milliseconds } from './duration.ts'
import { fail } from './errors.ts'
import type { ReceivedEvent } from './event.ts'
import type { AnyTopic, EventOf, TypeOf } from './topic.ts'
import type { Unit } from './unit.ts'

/** The waiting time before attempt `n + 1`, after `n` failed ones (n from 1), in milliseconds. */
export type Backoff = (failedAttempts: number) => number

/** Doubles from `first` up to `cap`, each time shortened by up to a half at random, so that retries do not come in step. */
export function exponential({ first = '100ms', cap = '30s' }: { first?: Duration; cap?: Duration } = {}): Backoff {
  const base = milliseconds(first)
  const highest = milliseconds(cap)
  return (failedAttempts) => Math.min(highest, base * 2 ** (failedAttempts - 1)) * (1 - Math.random() / 2)
}

/** When a record that fails is given up. */
export interface RetryPolicy {
  /** How often a record is handled in all before it becomes a dead letter. @default 5 */
  readonly attempts?: number
  /** @default exponential() */
  readonly backoff?: Backoff
  /** Errors that no further attempt can mend: dead letter at once. Default: none. */
  readonly isFinal?: (error: unknown) => boolean
}

/** Handles a whole chunk in one transaction. */
export interface BatchOptions<T extends AnyTopic> {
  /** Most events handed over at once; 1 to 5,000. @default 500 */
  readonly size?: number
  /** How long to wait for `size` events once one is there. @default 0 */
  readonly wait?: Duration
  readonly handle: (events: EventOf<T>[], unit: Unit) => Promise<void> | void
}

type Topics = AnyTopic | readonly AnyTopic[]
type TopicIn<T extends Topics> = T extends readonly AnyTopic[] ? T[number] : T extends AnyTopic ? T : never

/** A consumer's definition. Give `on` (with or without `prepare`), or `batch`. */
export interface ConsumerOptions<T extends Topics, Prepared> {
  /** The group: processes with a consumer of this name share its partitions. */
  readonly name: string
  readonly topic: T
  /** Where a consumer without a position begins. Default: the app's `consumeFrom`. */
  readonly from?: 'earliest' | 'latest'
  /** A former name, whose position is taken over. */
  readonly formerly?: string
  readonly retry?: RetryPolicy
  /**
   * What later records of a key do when one of it became a dead letter: wait until somebody redrives or discards it, or
   * go on. @default 'hold'
   */
  readonly onDeadLetter?: 'hold' | 'continue'
  /**
   * Slow work, such as calls to other services: runs before the handler, outside any transaction, concurrently
   * across keys, up to 16 a partition, and may run more than once. Its result is the handler's third argument. Write it
   * before `on`.
   *
   * It may take minutes. A key that takes more than a second, and four times as long as others do, is left and prepared
   * anew apart from its partition, which goes on. The signal is aborted then, and when the process stops.
   */
  readonly prepare?: {
    readonly [Type in keyof Prepared]: (
      event: EventOf<TopicIn<T>, Type & string>,
      signal: AbortSignal,
    ) => Promise<Prepared[Type]> | Prepared[Type]
  }
  /** A handler by event type: one event after the other, its effects exactly once. */
  readonly on?: {
    readonly [Type in TypeOf<TopicIn<T>>]?: (
      event: EventOf<TopicIn<T>, Type>,
      unit: Unit,
      prepared: Type extends keyof Prepared ? Prepared[Type] : undefined,
    ) => Promise<void> | void
  }
  readonly batch?: BatchOptions<TopicIn<T>>
}

/** A handler as delivery calls it. */
export type EventHandler = (event: ReceivedEvent, unit: Unit, prepared: unknown) => Promise<void> | void
/** A `prepare` as delivery calls it. */
export type EventPreparer = (event: ReceivedEvent, signal: AbortSignal) => unknown
/** A batch handler as delivery calls it. */
export type BatchHandler = (events: ReceivedEvent[], unit: Unit) => Promise<void> | void

/** A named group with handlers, all defaults filled in; see {@link defineConsumer}. */
export interface Consumer {
  readonly kind: 'consumer'
  readonly name: string
  readonly topics: readonly AnyTopic[]
  /** Undefined: where the app says. */
  readonly from: 'earliest' | 'latest' | undefined
  readonly formerly: string | undefined
  readonly retry: Required<RetryPolicy>
  readonly onDeadLetter: 'hold' | 'continue'
  readonly prepare: Readonly<Record<string, EventPreparer>>
  readonly on: Readonly<Record<string, EventHandler>>
  readonly batch: { readonly size: number; readonly waitMs: number; readonly handle: BatchHandler } | undefined
}

/**
 * Defines a consumer: what happens, exactly once in effect, for each event of a topic.
 *
 * @throws DEFINITION_INVALID
 * @example
 * export const confirm = defineConsumer({
 *   name: 'orders-confirm',
 *   topic: orderEvents,
 *   on: { OrderCreated: async (event, unit) => { … } },
 * })
 */
export function defineConsumer<const T extends Topics, Prepared = Record<never, never>>(
  options: ConsumerOptions<T, Prepared>,
): Consumer {
  const topics: readonly AnyTopic[] = Array.isArray(options.topic) ? options.topic : [options.topic as AnyTopic]
  const consumer: Consumer = {
    kind: 'consumer',
    name: options.name,
    topics,
    from: options.from,
    formerly: options.formerly,
    retry: {
      attempts: options.retry?.attempts ?? 5,
      backoff: options.retry?.backoff ?? exponential(),
      isFinal: options.retry?.isFinal ?? (() => false),
    },
    onDeadLetter: options.onDeadLetter ?? 'hold',
    prepare: (options.prepare ?? {}) as Consumer['prepare'],
    on: (options.on ?? {}) as Consumer['on'],
    batch: options.batch && {
      size: options.batch.size ?? 500,
      waitMs: milliseconds(options.batch.wait ?? 0),
      handle: options.batch.handle as unknown as BatchHandler,
    },
  }
  checkConsumer(consumer)
  return consumer
}

function checkConsumer({ name, topics, retry, prepare, on, batch }: Consumer): void {
  const problem = [
    !/^[A-Za-z0-9._-]{1,200}$/.test(name) && 'its name may have letters, digits, ".", "_" and "-", at most 200',
    topics.length === 0 && 'it has no topic',
    !batch && Object.keys(on).length === 0 && 'it has neither `on` nor `batch`',
    batch && Object.keys(on).length > 0 && 'it has both `on` and `batch`',
    batch && Object.keys(prepare).length > 0 && '`prepare` goes with `on`, not with `batch`',
    batch &&
      !(Number.isInteger(batch.size) && batch.size >= 1 && batch.size <= 5_000) &&
      'batch.size is not 1 to 5,000',
    !(Number.isInteger(retry.attempts) && retry.attempts >= 1) && 'retry.attempts is not a whole number from 1',
    ...[...Object.keys(on), ...Object.keys(prepare)].map(
      (type) =>
        !topics.some((topic) => Object.hasOwn(topic.schemas, type)) && `none of its topics has the event ${type}`,
    ),
    ...Object.keys(prepare).map((type) => !Object.hasOwn(on, type) && `\`prepare\` has ${type}, \`on\` has not`),
  ].find((found) => typeof found === 'string')
  if (problem) throw fail('DEFINITION_INVALID', { what: `Consumer "${name}"`, problem })
}
