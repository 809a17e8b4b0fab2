import { fail } from 'millrace'
import * as z from 'zod'
import type { Order } from './order.ts'

const entityTags = /^(\*|(W\/)?"[\x21\x23-\x7e]*"(\s*,\s*(W\/)?"[\x21\x23-\x7e]*")*)$/

/** The header by which a client says which version it means to change. */
export const ifMatch = z.object({
  'if-match': z
    .string()
    .max(1_000, 'must not be longer than 1000 characters')
    .regex(entityTags, 'must be an ETag in its quotes, such as "3"')
    .optional()
    .describe('The ETag of the order that is meant. Without it, whatever there is is changed.'),
})

/** An order's ETag: its version. */
export function etagOf({ version }: Pick<Order, 'version'>): string {
  return `"${version}"`
}

/**
 * Holds an order to the header If-Match.
 *
 * @throws CHANGED_MEANWHILE
 */
export function checkIfMatch(order: Order, header: string | undefined): void {
  if (header === undefined || header === '*') return
  // As RFC 9110 has it, a weak ETag matches none.
  const isMeant = header.split(',').some((tag) => tag.trim() === etagOf(order))
  if (!isMeant) throw fail('CHANGED_MEANWHILE', { what: 'Order', id: order.id, etag: etagOf(order) })
}
