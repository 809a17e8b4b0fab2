import type { Queryable } from '../core/unit.ts'

/** Where a timer stands in the order of due time; times as PostgreSQL writes them. */
export interface Place {
  readonly due: string
  readonly seq: string
}

/** Before all timers. */
export const beginning: Place = { due: '-infinity', seq: '0' }

/** What a piece of firing has done. */
export interface Fired {
  /** The brokers that events now wait for in the outbox. */
  readonly lanes: readonly string[]
  /** How late each timer was that has fired, in milliseconds. */
  readonly lateMs: readonly number[]
  /** Whether more may be due. */
  readonly isFull: boolean
  /** Where to go on. */
  readonly next: Place
  /** In how many milliseconds the next one is due; undefined where that is beyond the horizon. */
  readonly nextInMs: number | undefined
}

/** What a piece holds at most: as one of the relay's. */
export const pieceRows = 1_000
const pieceBytes = 4 * 1024 * 1024

interface FiredRow {
  readonly lanes: string[] | null
  readonly late_ms: number[] | null
  readonly is_full: boolean
  readonly due: string
  readonly seq: string
  readonly next_ms: number | null
}

/** What is to be fired. */
export interface Firing {
  /** From behind this place on. */
  readonly after: Place
  /** Timers that were found elsewhere. */
  readonly others: readonly Place[]
  /** The broker of each topic that this process knows: it may be another one than when the timer was set. */
  readonly lanes: Readonly<Record<string, string>>
  /** How far to look for the next one. */
  readonly horizonMs: number
}

/** Moves the next piece of what is due to the outbox, each timer once; undefined while another process does so. */
export async function fireTimers(
  connection: Queryable,
  { after, others, lanes: lanesOf, horizonMs }: Firing,
): Promise<Fired | undefined> {
  const { rows } = await connection.query<FiredRow>({
    name: 'millrace_timers_fire',
    text: `SELECT lanes, late_ms, is_full, next_due::text AS due, next_seq::text AS seq, next_ms
             FROM millrace.fire_timers(
                    $1, $2, $3, $4, $5, ${pieceRows}, ${pieceBytes}, $6 * interval '1 millisecond')`,
    values: [
      ...[after.due, after.seq, others.map(({ due }) => due), others.map(({ seq }) => seq)],
      JSON.stringify(lanesOf),
      horizonMs,
    ],
  })
  const row = rows[0]
  if (!row) return undefined
  const { lanes, late_ms, is_full, due, seq, next_ms } = row
  return {
    lanes: lanes ?? [],
    lateMs: late_ms ?? [],
    isFull: is_full,
    next: { due, seq },
    nextInMs: next_ms ?? undefined,
  }
}

/** Timers up to a place, which is behind all that is looked at in each round: those that came to be seen late. */
export async function findOvertaken(connection: Queryable, upTo: Place): Promise<Place[]> {
  const { rows } = await connection.query<Place>({
    name: 'millrace_timers_overtaken',
    text: `SELECT due_at::text AS due, seq::text AS seq
             FROM millrace.timers_due('-infinity', 0, $1, ${pieceRows}, ${pieceBytes})`,
    values: [upTo.due],
  })
  return rows
}
