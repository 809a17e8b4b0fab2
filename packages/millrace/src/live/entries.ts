import type { BrokerRecord } from '../ports/broker.ts'
import { updateFrame } from './frames.ts'
import { type Entry, streamOf } from './history.ts'
import { decodeLive } from './records.ts'
import { markOf, tokenText } from './token.ts'

/** What a record of the live topic is to this process. */
export interface TakenRecord {
  readonly entry: Entry
  /** Whose connections it closes. */
  readonly revokedUser?: string
}

/** Makes a record's entry: its update is encoded here, once for all clients. */
export function takeRecord(record: BrokerRecord, epoch: string): TakenRecord {
  const { offset, timestamp: appendedAt } = record
  const live = decodeLive(record)
  const xid = live && 'update' in live ? live.update.xid : 0
  const place = { offset, mark: markOf(xid, appendedAt), xid }
  if (!live) return { entry: { ...place, appendedAt, update: undefined } }
  if ('revokedUser' in live)
    return { entry: { ...place, appendedAt, update: undefined }, revokedUser: live.revokedUser }
  const { channel, audience, message } = live.update
  const frame = updateFrame(message, tokenText({ epoch, ...place }))
  const update = { ...place, stream: streamOf(channel, audience), frame, previous: undefined, next: undefined }
  return { entry: { ...place, appendedAt, update } }
}
