import type { CopyDeadLetter } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import { codeOf, isMillraceError, messageOf } from '../core/errors.ts'
import { encodeHeaders } from '../core/record-headers.ts'
import type { BrokerRecord, OutgoingRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import type { PositionKey } from './positions.ts'

/** A record that is given up on, and why. */
export interface DeadLetter {
  readonly record: BrokerRecord
  readonly error: unknown
  /** How often it was handled; 0 for one that never could be. */
  readonly attempts: number
  /** Of the key that waits for it, where one does. */
  readonly heldKeyId?: string | null
  /** How often it was brought back from the dead letters. @default 0 */
  readonly redriven?: number
}

const insert = `
  INSERT INTO millrace.dead_letter
         (consumer_id, topic, topic_id, partition, "offset", recorded_at, key, value, headers, code, reason, stack, attempts,
          held_key_id, redriven)
  SELECT $1, $2, $3, $4, given."offset", to_timestamp(given.ms / 1000), given.key, given.value, given.headers,
         given.code, given.reason, given.stack, given.attempts, given.held_key_id, given.redriven
    FROM unnest($5::bigint[], $6::float8[], $7::bytea[], $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[],
                $13::int[], $14::bigint[], $15::int[]) WITH ORDINALITY
           AS given ("offset", ms, key, value, headers, code, reason, stack, attempts, held_key_id, redriven, place)
   ORDER BY place`

const longestReason = 4_000
const longestStack = 16_000

/** Writes dead letters with everything needed to understand and redrive them. */
export function writeDeadLetters(
  transaction: Transaction,
  { consumerId, topic, topicId, partition }: Omit<PositionKey, 'broker'>,
  letters: readonly DeadLetter[],
): void {
  if (letters.length === 0) return
  const failures = letters.map(({ error }) => describeFailure(error))
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
      failures.map(({ code }) => code),
      failures.map(({ reason }) => reason),
      failures.map(({ stack }) => stack),
      letters.map(({ attempts }) => attempts),
      letters.map(({ heldKeyId }) => heldKeyId ?? null),
      letters.map(({ redriven }) => redriven ?? 0),
    ],
  })
}

/** Where dead letters are from, and what makes copies of them. */
export interface CopyContext {
  readonly consumer: Consumer
  readonly position: Pick<PositionKey, 'topic' | 'partition'>
  readonly copyDeadLetter: CopyDeadLetter
}

/** Copies of dead letters, to be published with the transaction that writes these. */
export function copiesOf(
  { consumer, position: { topic, partition }, copyDeadLetter }: CopyContext,
  letters: readonly DeadLetter[],
): OutgoingRecord[] {
  return letters.flatMap(({ record, error, attempts }) => {
    const { offset } = record
    return copyDeadLetter({ record, consumer: consumer.name, topic, partition, offset, error, attempts }) ?? []
  })
}

/** What is kept of an error. */
export interface Failure {
  /** Of the error catalogue, an SQLSTATE, or the error's name. */
  readonly code: string
  readonly reason: string
  readonly stack: string | null
}

/** What is kept of an error that somebody will have to understand. */
export function describeFailure(error: unknown): Failure {
  return { code: codeOf(error), reason: storable(messageOf(error), longestReason), stack: stackOf(error) }
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
