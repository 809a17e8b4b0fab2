import { encodeHeaders } from '../core/record-headers.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import type { SetTimer, TimerChange } from '../unit/index.ts'
import { timerNameHash } from './timer-names.ts'

const change = 'SELECT millrace.change_timers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS "inMs"'

/** A row of the statement: a timer to be set, or the hash of one to be cancelled. */
interface Row {
  readonly set: SetTimer | undefined
  readonly hash: string | null
}

/**
 * Writes what a unit of work did to timers, in one statement, which must come after the user's own: it is what the due
 * times are counted from.
 *
 * @param laneOf the broker that a record goes to
 * @returns in how many milliseconds the first timer that was set is due; undefined where none was. Never rejects: a failure
 *   is the transaction's.
 */
export async function writeTimers(
  transaction: Transaction,
  changes: readonly TimerChange[],
  laneOf: (record: OutgoingRecord) => string,
): Promise<number | undefined> {
  const rows = lastOfEachName(changes)
  const columns = [
    rows.map(({ set }) => (set ? Number(set.due) : 0)),
    rows.map(({ set }) => set?.due instanceof Date),
    rows.map(({ set }) => set === undefined),
    rows.map(({ hash }) => hash),
    rows.map(({ set }) => set?.name ?? null),
    rows.map(({ set }) => (set ? laneOf(set.record) : '')),
    rows.map(({ set }) => set?.record.topic ?? ''),
    rows.map(({ set }) => set?.record.key ?? null),
    rows.map(({ set }) => set?.record.value ?? null),
    rows.map(({ set }) => (set ? headersOf(set.record) : '')),
  ]
  try {
    const statement = { name: 'millrace_timers_change', text: change, values: columns }
    const { rows: answers } = await transaction.query<{ inMs: number | null }>(statement)
    return answers[0]?.inMs ?? undefined
  } catch {
    return undefined
  }
}

/** Of several changes to one timer the last one counts, in its place. */
function lastOfEachName(changes: readonly TimerChange[]): Row[] {
  const rows: Row[] = []
  const seen = new Set<string>()
  for (const one of changes.toReversed()) {
    const { topic, key } = one.record ?? one
    const hash = one.name === undefined ? null : timerNameHash(topic, key, one.name)
    if (hash !== null && seen.has(hash)) continue
    if (hash !== null) seen.add(hash)
    rows.push({ set: one.record && one, hash })
  }
  return rows.reverse()
}

/** Without the time: the event's is when it is due, which the database knows. */
function headersOf({ headers }: OutgoingRecord): Buffer {
  return encodeHeaders(headers.filter(([name]) => name !== 'ce_time'))
}
