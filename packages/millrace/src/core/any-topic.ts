import type { Format } from './format.ts'

/** `outbox`: only within a unit of work, with its rows. `direct`: at once, acknowledged by the broker. */
export type PublishMode = 'outbox' | 'direct'

/** A record's parts that may tell the type of a foreign record. */
export interface ForeignRecord {
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
}

/** A topic whose event types are not of interest; what modules and the framework's insides take. */
export interface AnyTopic {
  readonly kind: 'topic'
  readonly name: string
  readonly publish: PublishMode
  readonly partitions: number | undefined
  /** `postgres`: stays in the house. Undefined: where the app's topics live. */
  readonly broker: 'postgres' | undefined
  /** Schema by event type. */
  readonly schemas: Readonly<Record<string, unknown>>
  /** Undefined: JSON. */
  readonly format: Format | undefined
  readonly keyOf: (event: { type: string; data: unknown }) => string | null
  readonly typeOf: (record: ForeignRecord) => string | undefined
  /** Never there at run time: the TypeScript types of the events, by type. */
  readonly eventTypes?: unknown
}
