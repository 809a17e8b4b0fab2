import type { SlicedTable, Transaction } from '../ports/database.ts'
import type { Position } from './positions.ts'

/** The inbox's slices: a message id is remembered for at least 24 hours. Few, as each look-up goes to all of them. */
export const inboxSlices: SlicedTable = { table: 'millrace.inbox', sliceMs: 12 * 3_600_000, keepMs: 24 * 3_600_000 }

/**
 * Puts message ids into the inbox of a consumer, in one statement; the answer is those that were there already. One that
 * is given twice is written twice, which harms nothing; to look for such here would cost each chunk more.
 */
export async function claimMessages(
  transaction: Transaction,
  { consumerId, generation }: Pick<Position, 'consumerId' | 'generation'>,
  messageIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (messageIds.length === 0) return new Set()
  const { rows } = await transaction.query<{ seen: readonly string[] }>({
    name: 'millrace_inbox_claim',
    text: 'SELECT millrace.inbox_claim($1, $2, $3) AS seen',
    // Written out: the driver's own way quotes and escapes each element.
    values: [consumerId, generation, `{${messageIds.join()}}`],
  })
  return new Set(rows[0]?.seen.map((uuid) => uuid.replaceAll('-', '')))
}

/** Takes message ids out again that the transaction has put in: their records are not handled after all. */
export function disclaimMessages(
  transaction: Transaction,
  { consumerId, generation }: Pick<Position, 'consumerId' | 'generation'>,
  messageIds: readonly string[],
): void {
  if (messageIds.length === 0) return
  transaction.send({
    name: 'millrace_inbox_disclaim',
    text: 'SELECT millrace.inbox_disclaim($1, $2, $3)',
    values: [consumerId, generation, `{${messageIds.join()}}`],
  })
}
