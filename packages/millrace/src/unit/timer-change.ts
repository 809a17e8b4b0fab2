import { type Duration, milliseconds } from '../core/duration.ts'
import { fail } from '../core/errors.ts'
import type { OutgoingRecord } from '../ports/broker.ts'

/** What a unit of work does to timers. */
export type TimerChange = SetTimer | CancelTimer

/** A timer to be set; one of the same name, topic and key is moved. */
export interface SetTimer {
  readonly record: OutgoingRecord
  /** Milliseconds from when it is written, or the time itself. */
  readonly due: number | Date
  readonly name: string | undefined
}

/** A timer to be cancelled. */
export interface CancelTimer {
  readonly record?: never
  readonly topic: string
  readonly key: Uint8Array | null
  readonly name: string
}

const encoder = new TextEncoder()
const longestMs = 100 * 366 * 86_400_000
const lastTime = Date.UTC(9999, 11, 31)

/** @throws TIMER_INVALID, DURATION_INVALID */
export function setTimer(record: OutgoingRecord, when: Duration | Date, name: string | undefined): SetTimer {
  if (name !== undefined) checkName(record.topic, name)
  const due = when instanceof Date ? when : milliseconds(when)
  if (due instanceof Date ? !(due.getTime() <= lastTime) : due > longestMs) {
    throw fail('TIMER_INVALID', {
      topic: record.topic,
      problem: 'it is due in more than 100 years, or at no valid time',
    })
  }
  return { record, due, name }
}

/** @throws TIMER_INVALID */
export function cancelTimer(topic: string, key: string | null, name: string): CancelTimer {
  checkName(topic, name)
  return { topic, key: key === null ? null : encoder.encode(key), name }
}

function checkName(topic: string, name: string): void {
  if (name.length >= 1 && name.length <= 200 && !name.includes('\0')) return
  throw fail('TIMER_INVALID', { topic, problem: 'its name is not 1 to 200 characters, or has a NUL character' })
}
