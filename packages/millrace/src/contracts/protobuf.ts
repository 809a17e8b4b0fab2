import {
  create,
  type DescMessage,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { DataMismatch, type Format, type SchemaTypes } from '../core/format.ts'

/** Message descriptors as `protoc-gen-es` generates them: constructors take what makes a message, handlers get one. */
export interface ProtobufTypes extends SchemaTypes {
  readonly accepts: DescMessage
  readonly input: this['schema'] extends DescMessage ? MessageInitShape<this['schema']> : never
  readonly data: this['schema'] extends DescMessage ? MessageShape<this['schema']> : never
}

/**
 * Protobuf, plain: the value is the message's bytes and nothing else, as any Protobuf program writes it.
 * Unknown fields are kept by the message; a missing field has its default, as Protobuf says.
 */
export function protobuf(): Format<ProtobufTypes> {
  return {
    name: 'Protobuf',
    contentType: 'application/protobuf',
    encode: (schema, data) => {
      const message = isMessage(data) ? data : create(schema, data as MessageInitShape<typeof schema>)
      // Written all the same, it would be read as one in which everything is missing.
      if (message.$typeName !== schema.typeName) throw new DataMismatch(`it is a ${message.$typeName}`)
      return toBinary(schema, message)
    },
    decode: (schema, bytes) => fromBinary(schema, bytes),
  }
}
