import { isUtf8 } from 'node:buffer'
import type { DeadLetterDetails, DeadLetterRow } from '../delivery/index.ts'
import type { DeadLetterAnswer, DeadLetterItem } from '../http/index.ts'

/** A dead letter as it is listed. */
export function deadLetterItem(row: DeadLetterRow): DeadLetterItem {
  const { id, consumer, topic, partition, offset, key, size, code, reason, attempts, redriven, heldKeyId } = row
  return {
    ...{ id, consumer, topic, partition, size, code, reason, attempts, redriven },
    offset: offset === null ? null : Number(offset),
    key: key && shown(key),
    held: heldKeyId !== null,
    recordedAt: row.recordedAt.toISOString(),
    failedAt: row.failedAt.toISOString(),
  }
}

/** A dead letter with all there is. */
export function deadLetterAnswer(details: DeadLetterDetails): DeadLetterAnswer {
  const { value, headers, stack, waiting } = details
  return {
    ...deadLetterItem(details),
    value: value && shown(value),
    headers: headers.map(([name, bytes]) => ({ name, ...shown(bytes) })),
    stack,
    waiting,
  }
}

/** Bytes in every form a reader may want; the first is always true to them. */
function shown(bytes: Uint8Array): { base64: string; text?: string; json?: unknown } {
  const base64 = Buffer.from(bytes).toString('base64')
  if (!isUtf8(bytes)) return { base64 }
  const text = Buffer.from(bytes).toString()
  const json = parsed(text)
  return json === undefined ? { base64, text } : { base64, text, json }
}

/** Objects and lists alone: every number is JSON too. */
function parsed(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
