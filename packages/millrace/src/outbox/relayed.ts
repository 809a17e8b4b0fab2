import type { Queryable } from '../core/unit.ts'

// Within a batch, its rows may or may not have been handed on; between two, nothing new means that all there is has been.
const relayed = `
  SELECT CASE WHEN at.target IS NULL AND b.first_seq IS NULL THEN b.target ELSE at.done END::text AS seen
    FROM (SELECT coalesce(max(r.done::text), '3:3:')::pg_snapshot AS done, max(r.target::text) AS target
            FROM millrace.relay r WHERE r.lane = $1) at
   CROSS JOIN LATERAL millrace.outbox_batch($1, at.done) b`

/** A snapshot, as PostgreSQL writes it: what it sees of a lane has been handed on. */
export async function relayedSnapshot(connection: Queryable, lane: string): Promise<string> {
  const { rows } = await connection.query<{ seen: string }>({
    name: 'millrace_relay_relayed',
    text: relayed,
    values: [lane],
  })
  return rows[0]?.seen ?? '3:3:'
}
