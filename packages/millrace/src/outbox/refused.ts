import type { CopiedDeadLetter } from '../contracts/index.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { encodeHeaders } from '../core/record-headers.ts'
import type { Transaction } from '../ports/database.ts'
import { type LanedRecord, writeOutbox } from './outbox.ts'
import type { RefusedRecord } from './outcome.ts'

/** Makes the copy of a dead letter, with the lane it takes; undefined where none is to be made. */
export type CopyRefused = (letter: CopiedDeadLetter) => LanedRecord | undefined

const insert = `
  INSERT INTO millrace.dead_letter (topic, recorded_at, key, value, headers, code, reason, attempts)
  SELECT topic, recorded_at, key, value, headers, code, reason, 1
    FROM unnest($1::text[], $2::timestamptz[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
         WITH ORDINALITY AS r (topic, recorded_at, key, value, headers, code, reason, place)
   ORDER BY place`

const longestReason = 4_000

/**
 * Makes dead letters, without a consumer, of what a broker has refused for good, and publishes their copies: as the
 * transaction's last step.
 */
export function buryRefused(transaction: Transaction, refused: readonly RefusedRecord[], copy: CopyRefused): void {
  if (refused.length === 0) return
  transaction.send({
    name: 'millrace_relay_bury',
    text: insert,
    values: [
      refused.map(({ record }) => record.topic),
      refused.map(({ record }) => record.createdAt),
      refused.map(({ record }) => record.key),
      refused.map(({ record }) => record.value),
      refused.map(({ record }) => encodeHeaders(record.headers)),
      refused.map(({ error }) => codeOf(error)),
      // PostgreSQL's text cannot hold U+0000, and a broker may say anything.
      refused.map(({ error }) => messageOf(error).slice(0, longestReason).replaceAll('\0', '\u{fffd}')),
    ],
  })
  writeOutbox(
    transaction,
    refused.flatMap(({ record, error }) => copy({ record, topic: record.topic, error, attempts: 1 }) ?? []),
  )
}

/** Says of each that it was refused; after the commit. */
export function logRefused(logger: Logger, refused: readonly RefusedRecord[]): void {
  for (const { record, error } of refused) {
    logger.error({ topic: record.topic, code: codeOf(error) }, 'the broker refused a record; it is a dead letter')
  }
}
