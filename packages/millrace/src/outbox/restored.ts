import type { Database } from '../ports/database.ts'

/**
 * Takes over an outbox that came from another cluster, by a dump or a copy of its rows. Transaction ids begin anew there,
 * and a position in the old ones would count everything as handed on that is published until they have caught up.
 *
 * All rows that are left, an hour or two of them, become this cluster's and are handed on again, in their order; consumers
 * know those they have handled by their ids. Those of them that are parked besides go out with the others; parked ones
 * that the outbox has no more come before. Answers whether there was anything to take over.
 */
export async function adoptRestored(database: Database, lane: string): Promise<boolean> {
  return database.transaction(
    async (transaction) => {
      const { rowCount } = await transaction.query(
        `UPDATE millrace.relay SET version = version + 1, done = '3:3:', target = NULL, seq = 0
          WHERE lane = $1 AND pg_snapshot_xmax(done) > pg_snapshot_xmax(pg_current_snapshot())`,
        [lane],
      )
      if (rowCount === 0) return false
      await transaction.query('UPDATE millrace.outbox SET xid = pg_current_xact_id() WHERE lane = $1', [lane])
      await transaction.query(
        `DELETE FROM millrace.outbox_parked p USING millrace.outbox o
          WHERE p.lane = $1 AND o.lane = p.lane AND o.topic = p.topic AND o.seq = p.seq`,
        [lane],
      )
      return true
    },
    { share: 'system' },
  )
}
