export { causeOf, type EventCause } from './cloudevents.ts'
export {
  type DecodedRecord,
  decodeRecord,
  encodeEvent,
} from './codec.ts'
export { json } from './json.ts'
