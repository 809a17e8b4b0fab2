import type { AdminClient } from './admin-client.ts'
import { type Invocation, numberOf, type Options, textOf } from './command.ts'
import { printJson, say } from './output.ts'

/** So many are asked for at a time. */
const pageSize = 100

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** A list of the operators' routes, and how it is shown. */
export interface Listing<Item> {
  readonly path: string
  /** Besides `limit` and `after`. */
  readonly query?: Parameters<AdminClient['get']>[1]
  readonly show: (items: readonly Item[]) => void
}

/** The options of commands that list: how many, and where to go on. */
export const listOptions = {
  limit: { type: 'string', help: 'so many at most; default 50' },
  after: { type: 'string', help: 'those that come after this id in the list' },
} as const satisfies Options

/** Lists as many as are asked for, page by page, and says where there are more. */
export async function printList<Item>({ client, values, isJson }: Invocation, listing: Listing<Item>): Promise<number> {
  const most = numberOf(values, 'limit') ?? 50
  const items: Item[] = []
  let next: string | null = textOf(values, 'after') ?? null
  do {
    const limit = Math.min(pageSize, most - items.length)
    const page: Page<Item> = await client.get(listing.path, { ...listing.query, limit, after: next ?? undefined })
    items.push(...page.items)
    next = page.next
  } while (next !== null && items.length < most)
  if (isJson) printJson({ items, next })
  else listing.show(items)
  if (next !== null && !isJson) say(`There are more: --after ${next}`)
  return 0
}
