import { codeOf, isMillraceError, messageOf } from '../core/errors.ts'
import { encodeHeaders } from '../core/record-headers.ts'
import type { BrokerRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import type { Position } from './positions.ts'

/** A record that is given up on, and why. */
export interface DeadLetter {
  readonly record: BrokerRecord
  readonly error: unknown
  /** How often it was handled; 0 for one that never could be. */
  readonly attempts: number
}

const insert = `
  INSERT INTO millrace.dead_letter
         (consumer_id, topic, topic_id, partition, "offset", recorded_at, key, value, headers, code, reason, stack, attempts)
  SELECT $1, $2, $3, $4, given."offset", to_timestamp(given.ms / 1000), given.key, given.value, given.headers,
         given.code, given.reason, given.stack, given.attempts
    FROM unnest($5::bigint[], $6::float8[], $7::bytea[], $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[],
                $13::int[]) WITH ORDINALITY
           AS given ("offset", ms, key, value, headers, code, reason, stack, attempts, place)
   ORDER BY place`

const longestReason = 4_000
const longestStack = 16_000

/** Writes dead letters with everything needed to understand and redrive them. */
export function writeDeadLetters(transaction: Transaction, position: Position, letters: readonly DeadLetter[]): void {
  if (letters.length === 0) return
  const { consumerId, topic, topicId, partition } = position
  transaction.send({
    name: 'millrace_dead_letter_insert',
    text: insert,
    values: [
      consumerId,
      topic,
      topicId,
      partition,
      letters.map(({ record }) => record.offset),
      letters.map(({ record }) => record.timestamp),
      letters.map(({ record }) => record.key),
      letters.map(({ record }) => record.value),
      letters.map(({ record }) => encodeHeaders(record.headers)),
      letters.map(({ error }) => codeOf(error)),
      letters.map(({ error }) => storable(messageOf(error), longestReason)),
      letters.map(({ error }) => stackOf(error)),
      letters.map(({ attempts }) => attempts),
    ],
  })
}

function stackOf(error: unknown): string | null {
  // Ours come from the record's bytes, not from a line of user code; their stack says nothing.
  if (isMillraceError(error) || !(error instanceof Error)) return null
  return storable(error.stack ?? '', longestStack)
}

/** PostgreSQL's text cannot hold U+0000, and messages quote the records they are about. */
function storable(text: string, longest: number): string {
  return text.slice(0, longest).replaceAll('\0', '\u{fffd}')
}
