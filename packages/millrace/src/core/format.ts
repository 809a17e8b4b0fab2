import type * as z from 'zod/v4/core'

/**
 * A type-level function from a schema to the data it describes, one for each family of schemas.
 * `accepts` bounds the schemas; `data` may refer to `this['schema']`.
 */
export interface SchemaTypes {
  readonly accepts: unknown
  readonly schema: unknown
  readonly data: unknown
}

/** What `Types` makes of one schema. */
export type DataOf<Types extends SchemaTypes, Schema> = (Types & { readonly schema: Schema })['data']

/** Zod schemas: data is what the schema puts out. */
export interface ZodTypes extends SchemaTypes {
  readonly accepts: z.$ZodType
  readonly data: this['schema'] extends z.$ZodType ? z.output<this['schema']> : never
}

/**
 * How the data of a topic's events becomes bytes and comes back.
 * Both directions validate: what is encoded can be decoded, and what is decoded keeps the contract.
 */
export interface Format<Types extends SchemaTypes = SchemaTypes> {
  /** `json`, `protobuf`, …: appears in documentation and errors. */
  readonly name: string
  /** Media type of the encoded data, sent in the `content-type` header. */
  readonly contentType: string
  /** @throws EVENT_INVALID when the data does not fit the schema. */
  encode(schema: Types['accepts'], data: unknown): Uint8Array
  /** @throws RECORD_UNDECODABLE when the bytes are not of this format, RECORD_INVALID when they do not fit the schema. */
  decode(schema: Types['accepts'], bytes: Uint8Array): unknown
  /** Never there at run time: carries the types. */
  readonly types?: Types
}
