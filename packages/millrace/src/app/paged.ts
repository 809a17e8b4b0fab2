/** A page of what was looked up: one more than asked for, which says whether there is another page. */
export function paged<Item>(found: readonly Item[], limit: number, cursorOf: (item: Item) => string) {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, next: found.length > limit && last !== undefined ? cursorOf(last) : null }
}
