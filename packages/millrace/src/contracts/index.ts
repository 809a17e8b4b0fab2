export { causeOf, type EventCause } from './cloudevents.ts'
export {
  type DecodedRecord,
  decodeRecord,
  encodeEvent,
  sizeOf,
} from './codec.ts'
export { json } from './json.ts'
