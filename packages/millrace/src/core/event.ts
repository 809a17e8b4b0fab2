import type { AnyTopic } from './any-topic.ts'

/** An event before it is published: what an event constructor of a topic returns. */
export interface OutgoingEvent<Type extends string = string, Data = unknown, Topic extends AnyTopic = AnyTopic> {
  readonly topic: Topic
  readonly type: Type
  readonly data: Data
  /** CloudEvents id; a random UUID where none is given. The same source and id is handled once. */
  readonly id?: string
  /** The key where the topic's `key` function is not to decide; `null` for none. */
  readonly key?: string | null
}

/** What an event constructor takes besides the data. */
export type EventOptions = Pick<OutgoingEvent, 'id' | 'key'>

/** An event as a handler receives it. */
export interface ReceivedEvent<Topic extends string = string, Type extends string = string, Data = unknown> {
  readonly topic: Topic
  readonly type: Type
  readonly data: Data
  /** CloudEvents id; for a foreign record without one, `topic/partition/offset`. */
  readonly id: string
  /** CloudEvents source (`/app/module`); empty for a foreign record without one. */
  readonly source: string
  /** When the event happened, by its producer's clock; for a foreign record its timestamp. */
  readonly time: Date
  readonly key: string | null
  readonly partition: number
  readonly offset: number
  /** The id of the replay that it is handled for once more; undefined where it is handled in the consumer's own course. */
  readonly replay?: string
  /** All headers of the record, as UTF-8 text; the last of a repeated name. */
  readonly headers: Readonly<Record<string, string>>
}

/** Where the broker has put a direct publish. */
export interface Published {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}
