import { isMillraceError } from '../core/errors.ts'
import type { ProduceResult } from '../ports/broker.ts'
import type { OutboxRecord } from './position.ts'

/** A record that was not taken and may be yet. */
export interface ParkedRecord {
  readonly record: OutboxRecord
  /** Why it was not taken; none: it waits behind another record of its key, or of its topic. */
  readonly error?: Error
}

/** A record that will never be taken. */
export interface RefusedRecord {
  readonly record: OutboxRecord
  readonly error: Error
}

/** What became of records that were handed to a broker, each part in their order. */
export interface Outcome {
  readonly taken: readonly OutboxRecord[]
  readonly parked: readonly ParkedRecord[]
  readonly refused: readonly RefusedRecord[]
}

/**
 * Tells what was refused for good from what is to be tried again. A broker takes nothing of a key behind a record that it
 * has not taken, whatever it says of the reason: only a key's first such record is judged by its error.
 */
export function outcomeOf(records: readonly OutboxRecord[], results: readonly ProduceResult[]): Outcome {
  const taken: OutboxRecord[] = []
  const parked: ParkedRecord[] = []
  const refused: RefusedRecord[] = []
  const blocked = new Set<string>()
  for (const [index, record] of records.entries()) {
    const result = results[index] ?? { error: new Error('the broker gave no result') }
    if (!('error' in result)) {
      taken.push(record)
      continue
    }
    const { error } = result
    const key = nameOf(record)
    const isBehind = key !== undefined && blocked.has(key)
    if (isMillraceError(error, 'TOPIC_NOT_ALLOWED') || (!isBehind && isRefusal(error))) refused.push({ record, error })
    else parked.push(isBehind ? { record } : { record, error })
    if (key !== undefined) blocked.add(key)
  }
  return { taken, parked, refused }
}

/** Whether no further attempt can mend it; everything else may pass. */
function isRefusal(error: Error): boolean {
  return isMillraceError(error, 'RECORD_TOO_LARGE') || isMillraceError(error, 'RECORD_REFUSED')
}

/** The key among all topics; records without one do not wait for each other. */
function nameOf({ topic, key }: OutboxRecord): string | undefined {
  return key === null ? undefined : `${topic}\n${Buffer.from(key).toString('latin1')}`
}
