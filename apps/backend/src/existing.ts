import { fail } from 'millrace'

/**
 * What was found by an id.
 *
 * @param what in the words of the answer: `task`
 * @throws NOT_FOUND where there is none
 */
export function existing<Found>(found: Found | undefined, what: string, id: string): Found {
  if (found === undefined) throw fail('NOT_FOUND', { what, id })
  return found
}
