export { causeOf, type EventCause, traceIn } from './cloudevents.ts'
export {
  type DecodedRecord,
  decodeRecord,
  encodeEvent,
} from './codec.ts'
export {
  type CopiedDeadLetter,
  type CopyDeadLetter,
  deadLetterCopies,
  withoutCopies,
} from './dead-letter-copy.ts'
export { json } from './json.ts'
export { traceOf } from './record-event.ts'
