import type { Queryable } from '../core/unit.ts'

/** Counting ends here: what is asked for at every scrape must not read a table that nobody bounds. */
const most = 10_000

/** What of a lane waits for the relay. */
export interface LaneBacklog {
  readonly lane: string
  /** Counted up to 10,000; above, estimated by sequence numbers, which all lanes share and rollbacks use up. */
  readonly records: number
  /** Of the oldest, in seconds; 0 where there is none. */
  readonly ageSeconds: number
}

/** What of a topic is parked, counted up to 10,000. */
export interface ParkedBacklog {
  readonly lane: string
  readonly topic: string
  readonly records: number
}

/**
 * Between batches, what is new is what the position's snapshot did not see, as two index ranges; within one, the rows that
 * it has not come to.
 */
const waiting = `
  SELECT p.lane, least(w.counted, ${most})::int AS counted, p.last_seq - w.first_seq + 1 AS spread,
         coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - o.created_at)) FROM millrace.outbox o
                    WHERE o.lane = p.lane AND o.seq = w.first_seq LIMIT 1), 0)::float8 AS "ageSeconds"
    FROM (SELECT given.lane, r.target, r.seq, coalesce(r.done, '3:3:') AS done,
                 (SELECT last_value FROM millrace.outbox_seq) AS last_seq
            FROM unnest($1::text[]) AS given (lane) LEFT JOIN millrace.relay r ON r.lane = given.lane) p
   CROSS JOIN LATERAL (
     SELECT count(*) AS counted, min(seq) AS first_seq FROM (
       (SELECT o.seq FROM millrace.outbox o
         WHERE p.target IS NULL AND o.lane = p.lane AND o.xid >= pg_snapshot_xmax(p.done)
         ORDER BY o.xid, o.seq LIMIT ${most})
       UNION ALL
       (SELECT o.seq FROM millrace.outbox o
         WHERE p.target IS NULL AND o.lane = p.lane AND o.xid = ANY (ARRAY(SELECT pg_snapshot_xip(p.done)))
         LIMIT ${most})
       UNION ALL
       (SELECT o.seq FROM millrace.outbox o
         WHERE p.target IS NOT NULL AND o.lane = p.lane AND o.seq >= p.seq AND NOT pg_visible_in_snapshot(o.xid, p.done)
         ORDER BY o.seq LIMIT ${most})) AS new) w`

const parked = `
  WITH RECURSIVE parked AS (
    (SELECT lane, topic FROM millrace.outbox_parked ORDER BY lane, topic LIMIT 1)
    UNION ALL
    SELECT next.lane, next.topic FROM parked
     CROSS JOIN LATERAL (SELECT o.lane, o.topic FROM millrace.outbox_parked o
                          WHERE (o.lane, o.topic) > (parked.lane, parked.topic) ORDER BY o.lane, o.topic LIMIT 1) next)
  SELECT lane, topic,
         (SELECT count(*) FROM (SELECT FROM millrace.outbox_parked o
                                 WHERE o.lane = parked.lane AND o.topic = parked.topic LIMIT ${most}) few)::int AS records
    FROM parked`

/** What waits in the outbox, for each lane. */
export async function laneBacklogs(connection: Queryable, lanes: readonly string[]): Promise<LaneBacklog[]> {
  const { rows } = await connection.query<{ lane: string; counted: number; spread: string; ageSeconds: number }>(
    waiting,
    [lanes],
  )
  return rows.map(({ lane, counted, spread, ageSeconds }) => ({
    lane,
    records: counted < most ? counted : Math.max(most, Number(spread)),
    ageSeconds,
  }))
}

/** What is parked in the outbox, for each topic of which something is. */
export async function parkedBacklogs(connection: Queryable): Promise<ParkedBacklog[]> {
  return (await connection.query<ParkedBacklog>(parked)).rows
}
