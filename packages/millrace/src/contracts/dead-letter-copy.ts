import type { Clock } from '../core/clock.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { sizeOf } from '../core/record-size.ts'
import type { BrokerRecord, OutgoingRecord, RecordHeader } from '../ports/broker.ts'

/** A dead letter, as its copy tells of it. */
export interface CopiedDeadLetter {
  readonly record: Pick<BrokerRecord, 'key' | 'value' | 'headers'>
  /** Who gave it up; none: a broker refused to take it. */
  readonly consumer?: string
  /** Where it is; a refused one is in no partition. */
  readonly topic: string
  readonly partition?: number
  readonly offset?: number
  readonly error: unknown
  readonly attempts: number
}

/** Makes the copy of a dead letter; undefined where none is to be made. */
export type CopyDeadLetter = (letter: CopiedDeadLetter) => OutgoingRecord | undefined

/** Where copies go, and how large they may be. */
export interface DeadLetterCopyOptions {
  readonly topic: string
  /** Of key, value and headers together, in bytes. */
  readonly maxBytes: number
  readonly clock: Clock
}

/** No copies. */
export const withoutCopies: CopyDeadLetter = () => undefined

/**
 * Copies dead letters to a topic: their key, value and headers, and headers of the family `dead_letter_…` behind these,
 * which say what happened. What would be too large goes without its value, then without its headers, at last without its
 * key, and says so. A copy that is itself a dead letter has no copy.
 */
export function deadLetterCopies({ topic, maxBytes, clock }: DeadLetterCopyOptions): CopyDeadLetter {
  return (letter) => {
    if (letter.topic === topic) return undefined
    const about = headersAbout(letter, clock.now())
    const { key, value, headers } = letter.record
    const whole = { topic, key, value, headers: [...headers, ...about] }
    if (sizeOf(whole) <= maxBytes) return whole
    about.push(text('value_omitted', value?.length ?? 0))
    const bare = { topic, key, value: null, headers: [...headers, ...about] }
    if (sizeOf(bare) <= maxBytes) return bare
    about.push(text('headers_omitted', headers.length))
    const barer = { topic, key, value: null, headers: about }
    if (sizeOf(barer) <= maxBytes) return barer
    return { ...barer, key: null, headers: [...about, text('key_omitted', key?.length ?? 0)] }
  }
}

const longestReason = 1_000

function headersAbout(letter: CopiedDeadLetter, failedAt: Date): RecordHeader[] {
  const { consumer, topic, partition, offset, error, attempts } = letter
  return [
    ...(consumer === undefined ? [] : [text('consumer', consumer)]),
    text('topic', topic),
    ...(partition === undefined ? [] : [text('partition', partition)]),
    ...(offset === undefined ? [] : [text('offset', offset)]),
    text('code', codeOf(error)),
    text('reason', messageOf(error).slice(0, longestReason)),
    text('attempts', attempts),
    text('failed_at', failedAt.toISOString()),
  ]
}

const encoder = new TextEncoder()

function text(name: string, value: string | number): RecordHeader {
  return [`dead_letter_${name}`, encoder.encode(String(value))]
}
