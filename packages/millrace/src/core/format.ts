import type * as z from 'zod/v4/core'

/**
 * Type-level functions from a schema to the data it describes, one pair for each family of schemas. `accepts` bounds the
 * schemas; `input` (what an event constructor takes) and `data` (what a handler gets) may refer to `this['schema']`.
 */
export interface SchemaTypes {
  readonly accepts: unknown
  readonly schema: unknown
  readonly input: unknown
  readonly data: unknown
}

/** What `Types` makes of one schema. */
export interface EventTypes<Types extends SchemaTypes, Schema> {
  readonly input: (Types & { readonly schema: Schema })['input']
  readonly data: (Types & { readonly schema: Schema })['data']
}

/** Zod schemas: data is what the schema puts out, on both sides; the wire has what it takes in. */
export interface ZodTypes extends SchemaTypes {
  readonly accepts: z.$ZodType
  readonly input: this['data']
  readonly data: this['schema'] extends z.$ZodType ? z.output<this['schema']> : never
}

/**
 * How the data of a topic's events becomes bytes and comes back.
 * Both directions validate: what is encoded can be decoded, and what is decoded keeps the contract.
 */
export interface Format<Types extends SchemaTypes = SchemaTypes> {
  /** `JSON`, `Protobuf`, …: appears in errors. */
  readonly name: string
  /** Media type of the encoded data, sent in the `content-type` header. */
  readonly contentType: string
  /** @throws an error that says what does not fit the schema */
  encode(schema: Types['accepts'], data: unknown): Uint8Array
  /** @throws {@link DataMismatch} when the bytes are of this format but do not fit the schema; any other error when they are not of it */
  decode(schema: Types['accepts'], bytes: Uint8Array): unknown
  /** Never there at run time: carries the types. */
  readonly types?: Types
}

/** The bytes could be read, and what they say does not fit the schema. */
export class DataMismatch extends Error {
  override readonly name = 'DataMismatch'
}
