export { decodeLive, encodePush, encodeRevocation } from './records.ts'
export { liveTopic } from './topic.ts'
