import { json } from '../contracts/index.ts'
import type { AnyChannel } from '../core/channel.ts'
import { fail, messageOf } from '../core/errors.ts'
import type { BrokerRecord, OutgoingRecord } from '../ports/broker.ts'
import { liveTopic } from './topic.ts'

/** An update as the live topic has it. */
export interface PushedUpdate {
  readonly channel: string
  readonly audience: string
  /** The message in JSON: an object with more than no fields. */
  readonly message: Buffer
  /** The id of the transaction that pushed it. */
  readonly xid: number
}

/** What a record of the live topic says. */
export type LiveRecord = { readonly update: PushedUpdate } | { readonly revokedUser: string } | undefined

const encoder = new TextEncoder()
const format = json()
/** Below what a client may be behind by, so that one update alone does not make it too slow. */
const mostMessageBytes = 65_536
const longestAudience = 200
const reservedTypes = new Set(['connected', 'reset', 'pong', 'authenticated'])

/**
 * The record of an update. Its transaction's id is added by the statement that writes it to the outbox.
 *
 * @throws PUSH_INVALID
 */
export function encodePush(channel: AnyChannel, audience: string, message: unknown): OutgoingRecord {
  return {
    topic: liveTopic.name,
    key: null,
    value: encodeMessage(channel, message),
    headers: [
      ['channel', encoder.encode(channel.name)],
      ['audience', encoder.encode(checkedAudience(channel, audience))],
    ],
  }
}

/** The record that closes a user's connections on every process. */
export function encodeRevocation(userId: string): OutgoingRecord {
  return { topic: liveTopic.name, key: null, value: null, headers: [['revoked', encoder.encode(userId)]] }
}

/** Reads a record of the live topic; undefined where it is none of ours. */
export function decodeLive({ headers, value }: BrokerRecord): LiveRecord {
  const fields = new Map(headers)
  const revoked = fields.get('revoked')
  if (revoked) return { revokedUser: text(revoked) }
  const channel = fields.get('channel')
  const audience = fields.get('audience')
  const xid = fields.get('xid')
  if (!channel || !audience || xid?.length !== 8 || value === null) return undefined
  return {
    update: { channel: text(channel), audience: text(audience), message: bufferOf(value), xid: numberIn(xid) },
  }
}

function encodeMessage(channel: AnyChannel, message: unknown): Uint8Array {
  const value = encoded(channel, message)
  const { type, at } = message as { readonly type?: unknown; readonly at?: unknown }
  if (typeof type !== 'string' || reservedTypes.has(type)) throw invalid(channel, `its type is "${String(type)}"`)
  if (at !== undefined) throw invalid(channel, 'it has a field "at", which is where the protocol puts the position')
  if (value.length > mostMessageBytes) {
    throw invalid(channel, `it has ${value.length} bytes, and the limit is ${mostMessageBytes}`)
  }
  return value
}

function encoded(channel: AnyChannel, message: unknown): Uint8Array {
  try {
    return format.encode(channel.schema as never, message)
  } catch (error) {
    throw fail('PUSH_INVALID', { channel: channel.name, problem: messageOf(error) }, { cause: error })
  }
}

function checkedAudience(channel: AnyChannel, audience: string): string {
  const isValid = typeof audience === 'string' && audience.length >= 1 && audience.length <= longestAudience
  if (isValid) return audience
  throw invalid(channel, `its audience is not a text of 1 to ${longestAudience} characters`)
}

function invalid(channel: AnyChannel, problem: string): Error {
  return fail('PUSH_INVALID', { channel: channel.name, problem })
}

function text(bytes: Uint8Array): string {
  return bufferOf(bytes).toString()
}

/** Transaction ids stay below 2^53 for the life of any cluster. */
function numberIn(bytes: Uint8Array): number {
  return Number(bufferOf(bytes).readBigUInt64BE())
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
