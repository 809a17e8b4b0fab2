import type { AnyTopic, ForeignRecord, PublishMode } from './any-topic.ts'
import { fail } from './errors.ts'
import type { EventOptions, OutgoingEvent, ReceivedEvent } from './event.ts'
import type { EventTypes, Format, SchemaTypes, ZodTypes } from './format.ts'

export type { AnyTopic, ForeignRecord, PublishMode }

/** The contract of one stream. */
export interface TopicOptions<
  Events extends Record<string, unknown>,
  Types extends SchemaTypes,
  Mode extends PublishMode,
> {
  /** The schema of each event type. */
  readonly events: Events & { readonly [Type in keyof Events]: Types['accepts'] }
  /** Events with the same key stay in order. Default: no key, so no order. */
  readonly key?: (event: InputUnion<Events, Types>) => string | null
  /** @default json(), whose schemas are Zod's */
  readonly format?: Format<Types>
  /** @default 'outbox' */
  readonly publish?: Mode
  /** How many partitions the topic is created with. Default: the app's `topicPartitions`. */
  readonly partitions?: number
  /** `'postgres'`: on the broker in the database also where the app runs on Kafka. Default: where the app's topics live. */
  readonly broker?: 'postgres'
  /**
   * The type of a record that carries no CloudEvents headers. Needed where several event types share the topic;
   * with one type, every foreign record is of it. `undefined` makes the record a dead letter.
   */
  readonly typeOf?: (record: ForeignRecord) => string | undefined
}

type InputUnion<Events, Types extends SchemaTypes> = {
  [Type in keyof Events & string]: { readonly type: Type; readonly data: EventTypes<Types, Events[Type]>['input'] }
}[keyof Events & string]

/** Makes an event of one type: `OrderCreated({ … })`. */
export interface EventConstructor<Topic extends AnyTopic, Type extends string, Input> {
  (data: Input, options?: EventOptions): OutgoingEvent<Type, Input, Topic>
  readonly type: Type
  readonly topic: Topic
}

/** The TypeScript types of a topic's events, by event type. */
export type TopicEvents = Readonly<Record<string, { readonly input: unknown; readonly data: unknown }>>

/** A named stream and its contract; see {@link defineTopic}. */
export interface Topic<Name extends string, Events extends TopicEvents, Mode extends PublishMode> extends AnyTopic {
  readonly name: Name
  readonly publish: Mode
  readonly eventTypes?: Events
  /** The event constructors, by type. */
  readonly events: {
    readonly [Type in keyof Events & string]: EventConstructor<Topic<Name, Events, Mode>, Type, Events[Type]['input']>
  }
}

/** The data by event type of a topic. */
export type TopicData<T extends AnyTopic> = T extends { readonly eventTypes?: infer Events }
  ? { readonly [Type in keyof NonNullable<Events>]: DataIn<NonNullable<Events>[Type]> }
  : never

type DataIn<Types> = Types extends { readonly data: infer Data } ? Data : never

/** The event types of one topic, or of each of several. */
export type TypeOf<T extends AnyTopic> = T extends AnyTopic ? keyof TopicData<T> & string : never

/** A received event of a topic (or of several), narrowed to a type. */
export type EventOf<T extends AnyTopic, Type extends string = TypeOf<T>> = T extends AnyTopic
  ? {
      [K in keyof TopicData<T> & string]: ReceivedEvent<T['name'], K, TopicData<T>[K]>
    }[keyof TopicData<T> & Type]
  : never

const topicName = /^[A-Za-z0-9._-]{1,249}$/

/**
 * Defines a topic: its events, their key, their wire format.
 *
 * @param name Kafka's rules hold on every broker: letters, digits, `.`, `_`, `-`; at most 249.
 * @throws DEFINITION_INVALID
 * @example
 * const orders = defineTopic('orders.events', {
 *   key: (event) => event.data.orderId,
 *   events: { OrderCreated: z.object({ orderId: z.uuid() }) },
 * })
 * export const { OrderCreated } = orders.events
 */
export function defineTopic<
  const Name extends string,
  const Events extends Record<string, unknown>,
  Types extends SchemaTypes = ZodTypes,
  const Mode extends PublishMode = 'outbox',
>(
  name: Name,
  options: TopicOptions<Events, Types, Mode>,
): Topic<Name, { readonly [Type in keyof Events & string]: EventTypes<Types, Events[Type]> }, Mode> {
  const types = Object.keys(options.events)
  checkTopic(name, types, options.partitions)
  const { key, typeOf } = options
  const topic = {
    kind: 'topic' as const,
    name,
    publish: options.publish ?? ('outbox' as Mode),
    partitions: options.partitions,
    broker: options.broker,
    schemas: options.events as Record<string, unknown>,
    format: options.format as Format | undefined,
    keyOf: (key ?? (() => null)) as AnyTopic['keyOf'],
    typeOf: typeOf ?? (types.length === 1 ? () => types[0] : () => undefined),
    events: {} as never,
  }
  topic.events = Object.fromEntries(types.map((type) => [type, eventConstructor(topic, type)])) as never
  return topic
}

/** Reads the type of foreign records from a field of their JSON object; for `typeOf`. */
export function typeField(field: string): (record: ForeignRecord) => string | undefined {
  return ({ value }) => {
    try {
      const type = (JSON.parse(new TextDecoder().decode(value)) as Record<string, unknown> | null)?.[field]
      return typeof type === 'string' ? type : undefined
    } catch {
      return undefined
    }
  }
}

function eventConstructor<T extends AnyTopic>(topic: T, type: string): EventConstructor<T, string, unknown> {
  const construct = (data: unknown, options?: EventOptions) => ({ topic, type, data, ...options })
  return Object.assign(construct, { type, topic })
}

function checkTopic(name: string, types: string[], partitions: number | undefined): void {
  const what = `Topic "${name}"`
  if (!topicName.test(name) || name === '.' || name === '..') {
    throw fail('DEFINITION_INVALID', { what, problem: 'its name is not one Kafka would take' })
  }
  if (types.length === 0) throw fail('DEFINITION_INVALID', { what, problem: 'it has no events' })
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1 && partitions <= 1_000)) {
    throw fail('DEFINITION_INVALID', { what, problem: 'partitions must be a whole number from 1 to 1,000' })
  }
}
