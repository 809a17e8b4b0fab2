import type { SlicedTable, Transaction } from '../ports/database.ts'
import type { Position } from './positions.ts'

/** The inbox's slices: a message id is remembered for at least 24 hours. Few, as each look-up goes to all of them. */
export const inboxSlices: SlicedTable = { table: 'millrace.inbox', sliceMs: 12 * 3_600_000, keepMs: 24 * 3_600_000 }

// Answers with the few that were seen, not the many that were not. The bounds on seen_at leave out the slices ahead.
const claim = `
  WITH given AS (SELECT DISTINCT unnest($3::uuid[]) AS id),
       seen AS (SELECT id FROM given WHERE EXISTS (
                  SELECT FROM millrace.inbox
                   WHERE consumer_id = $1 AND generation = $2 AND message_id = given.id
                     AND seen_at > now() - interval '36 hours' AND seen_at < now() + interval '5 minutes')),
       added AS (INSERT INTO millrace.inbox (consumer_id, generation, message_id)
                 SELECT $1, $2, id FROM given WHERE id NOT IN (SELECT id FROM seen))
  SELECT id FROM seen`

/** Puts message ids into the inbox of a consumer, in one statement; the answer is those that were there already. */
export async function claimMessages(
  transaction: Transaction,
  position: Position,
  messageIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (messageIds.length === 0) return new Set()
  const { rows } = await transaction.query<{ id: string }>({
    name: 'millrace_inbox_claim',
    text: claim,
    values: [position.consumerId, position.generation, messageIds],
  })
  return new Set(rows.map(({ id }) => id))
}
