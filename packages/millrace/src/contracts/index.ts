export { causeOf, type EventCause } from './cloudevents.ts'
export {
  type DecodedRecord,
  decodeRecord,
  type EncodeContext,
  encodeEvent,
  packHeaders,
  sizeOf,
  unpackHeaders,
} from './codec.ts'
export { json } from './json.ts'
