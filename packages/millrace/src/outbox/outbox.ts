import { encodeHeaders } from '../core/record-headers.ts'
import type { MigrationSet } from '../migrate/index.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Database, SlicedTable, Transaction } from '../ports/database.ts'

/** The outbox's tables. */
export const outboxMigrations: MigrationSet = { owner: 'outbox', folder: new URL('./migrations/', import.meta.url) }

const insert = `
  INSERT INTO millrace.outbox (lane, topic, key, value, headers)
  SELECT lane, topic, key, value, headers
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[])
         WITH ORDINALITY AS r (lane, topic, key, value, headers, place)
   ORDER BY place`

// The header `xid`, as core/record-headers.ts writes it: two lengths (3 and 8), the name, the transaction's id.
const insertStamped = `
  INSERT INTO millrace.outbox (lane, topic, key, value, headers)
  SELECT lane, topic, key, value, CASE WHEN stamped THEN
           headers || '\\x0000000300000008786964'::bytea || xid8send(pg_current_xact_id()) ELSE headers END
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::boolean[])
         WITH ORDINALITY AS r (lane, topic, key, value, headers, stamped, place)
   ORDER BY place`

/** A record and the broker it goes to. */
export interface LanedRecord {
  readonly lane: string
  readonly record: OutgoingRecord
  /** Whether the id of the transaction that writes it goes with it, as the header `xid`: 8 bytes, big-endian. @default false */
  readonly stamped?: boolean
}

/**
 * Writes what a unit of work published, in order. It must be the transaction's last statement: then the sequence is drawn
 * after every row lock that orders the events of one key, and the relay needs nothing else to keep that order.
 */
export function writeOutbox(transaction: Transaction, records: readonly LanedRecord[]): void {
  if (records.length === 0) return
  const columns = [
    records.map(({ lane }) => lane),
    records.map(({ record }) => record.topic),
    records.map(({ record }) => record.key),
    records.map(({ record }) => record.value),
    records.map(({ record }) => encodeHeaders(record.headers)),
  ]
  const stamped = records.map(({ stamped = false }) => stamped)
  transaction.send(
    stamped.includes(true)
      ? { name: 'millrace_outbox_insert_stamped', text: insertStamped, values: [...columns, stamped] }
      : { name: 'millrace_outbox_insert', text: insert, values: columns },
  )
}

const sliceMs = 3_600_000

/** The outbox's slices: an hour each, dropped an hour after their end when every row in them has been relayed. */
export function outboxSlices(database: Database): SlicedTable {
  return { table: 'millrace.outbox', sliceMs, keepMs: sliceMs, mayDrop: (slice) => isRelayed(database, slice) }
}

/**
 * Looks for writers first: a row of theirs is not there to be seen yet, and would be gone with the slice. Nobody begins to
 * write to a slice that has ended, so whoever is not found then has rows that are seen.
 */
async function isRelayed(database: Database, slice: string): Promise<boolean> {
  const connection = database.on('system')
  const { rows: written } = await connection.query<{ open: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
                     WHERE datname = current_database() AND relation = $1::regclass AND mode = 'RowExclusiveLock') AS open`,
    [slice],
  )
  if (written[0]?.open !== false) return false
  const { rows } = await connection.query<{ waiting: boolean }>(
    `SELECT EXISTS (
       SELECT FROM ${slice} o LEFT JOIN millrace.relay r USING (lane)
        WHERE r.done IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.done)
           OR pg_snapshot_xmax(r.done) > pg_snapshot_xmax(pg_current_snapshot())) AS waiting`,
  )
  return rows[0]?.waiting === false
}
