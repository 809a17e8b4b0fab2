import { decodeHeaders } from '../core/record-headers.ts'
import type { Queryable, Statement } from '../core/unit.ts'
import type { OutgoingRecord } from '../ports/broker.ts'

/**
 * How far a lane has been relayed, as in Skytools' PGQ: not a number but a `pg_snapshot`. What a transaction wrote is
 * handed on in the first batch whose snapshot sees it, whenever it began, whatever its sequence numbers: nothing that
 * commits late is skipped, and a transaction left open holds nothing back.
 *
 * Rejected, each tried: a position over `xid < xmin` reverses keys, one over the sequence skips rows, and deleting what
 * was relayed leaves dead rows that a scan under a long snapshot must pass again and again.
 */
export interface RelayPosition {
  readonly version: string
  /**
   * Where the row lies. It is updated with every piece; under a long snapshot elsewhere its dead versions stay, and
   * finding it by its key would walk past all of them.
   */
  readonly ctid: string
  /** Everything this snapshot sees has been handed on. */
  readonly done: string
  /** The batch: what this snapshot sees and `done` does not. Undefined between batches. */
  readonly target: string | undefined
  /** The batch's rows below this have been handed on. */
  readonly seq: string
}

/** A record with its place in the outbox. */
export interface OutboxRecord extends OutgoingRecord {
  readonly seq: string
  /** When it was published, as PostgreSQL writes it. */
  readonly createdAt: string
}

/** A piece of a batch, in order. */
export interface Piece {
  readonly records: OutboxRecord[]
  /** Where the lane stands once they have been handed on. */
  readonly next: RelayPosition
}

/** What a piece holds at most, by rows and by bytes (and one more record), so that a backlog of any size takes the same memory. */
export interface PieceBounds {
  readonly rows: number
  readonly bytes: number
}

/** The bounds where none are given. */
export const defaultBounds: PieceBounds = { rows: 1_000, bytes: 4 * 1024 * 1024 }

const read = `SELECT version, ctid::text, done, target, seq FROM millrace.relay WHERE lane = $1`

/** The lane's position; a new lane begins before everything. */
export async function readPosition(connection: Queryable, lane: string): Promise<RelayPosition> {
  await connection.query('INSERT INTO millrace.relay (lane) VALUES ($1) ON CONFLICT DO NOTHING', [lane])
  const { rows } = await connection.query<Omit<RelayPosition, 'target'> & { target: string | null }>(read, [lane])
  const row = rows[0]
  if (!row) throw new Error(`the relay position of lane ${lane} is gone`)
  return { ...row, target: row.target ?? undefined }
}

/** The position at the beginning of the next batch; undefined when nothing is new. */
export async function nextBatch(
  connection: Queryable,
  lane: string,
  position: RelayPosition,
): Promise<RelayPosition | undefined> {
  if (position.target !== undefined) return position
  const { rows } = await connection.query<{ target: string; seq: string | null }>({
    name: 'millrace_relay_find',
    text: 'SELECT target::text AS target, first_seq::text AS seq FROM millrace.outbox_batch($1, $2)',
    values: [lane, position.done],
  })
  const found = rows[0]
  return found?.seq ? { ...position, target: found.target, seq: found.seq } : undefined
}

/**
 * The sizes are summed before any of them is read, so that a piece of large records stays within its bound. The bounds are
 * part of the text: with LIMIT as a parameter, the planner may sort the whole backlog.
 */
function readPiece({ rows, bytes }: PieceBounds): Pick<Statement, 'name' | 'text'> {
  return {
    name: `millrace_relay_read_${rows}_${bytes}`,
    text: `
      SELECT seq::text AS seq, topic, key, value, headers, created_at::text AS "createdAt", found FROM (
        SELECT *, sum(size) OVER (ORDER BY seq) - size AS before, count(*) OVER () AS found
          FROM (
            SELECT seq, topic, key, value, headers, created_at, octet_length(headers)
                   + coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0) AS size
              FROM millrace.outbox
             WHERE lane = $1 AND seq >= $2 AND NOT pg_visible_in_snapshot(xid, $3::pg_snapshot)
               AND pg_visible_in_snapshot(xid, $4::pg_snapshot)
             ORDER BY seq LIMIT ${rows}) AS rows) AS sized
       WHERE before <= ${bytes} ORDER BY sized.seq`,
  }
}

/** A record as its row has it. */
export interface OutboxRow extends Omit<OutboxRecord, 'headers'> {
  readonly headers: Buffer
}

/** The next piece of the batch that a position is in. */
export async function nextPiece(
  connection: Queryable,
  lane: string,
  position: RelayPosition,
  bounds: PieceBounds = defaultBounds,
): Promise<Piece> {
  const { rows } = await connection.query<OutboxRow & { readonly found: string }>({
    ...readPiece(bounds),
    values: [lane, position.seq, position.done, position.target],
  })
  const last = rows.at(-1)
  const isEnd = !last || (rows.length === Number(last.found) && rows.length < bounds.rows)
  return {
    records: rows.map(recordOf),
    next: isEnd ? endOfBatch(position) : { ...position, seq: String(BigInt(last.seq) + 1n) },
  }
}

/** The record that a row has. */
export function recordOf({ seq, topic, key, value, headers, createdAt }: OutboxRow): OutboxRecord {
  return { seq, topic, key, value, headers: decodeHeaders(headers), createdAt }
}

const move = `
  UPDATE millrace.relay SET version = version + 1, done = $3, target = $4, seq = $5 WHERE lane = $1 AND version = $2`
const moveByCtid = `${move} AND ctid = $6::tid RETURNING version, ctid::text`
const moveByKey = `${move} RETURNING version, ctid::text`

/** Stores a position if nobody has moved it since `from` was read; answers what is stored then. */
export async function movePosition(
  connection: Queryable,
  lane: string,
  from: RelayPosition,
  to: RelayPosition,
): Promise<RelayPosition | undefined> {
  const values = [lane, from.version, to.done, to.target ?? null, to.seq]
  const byCtid = { name: 'millrace_relay_ctid', text: moveByCtid, values: [...values, from.ctid] }
  const byKey = { name: 'millrace_relay_key', text: moveByKey, values }
  const moved =
    (await connection.query<Pick<RelayPosition, 'version' | 'ctid'>>(byCtid)).rows[0] ??
    (await connection.query<Pick<RelayPosition, 'version' | 'ctid'>>(byKey)).rows[0]
  return moved && { ...to, ...moved }
}

function endOfBatch(position: RelayPosition): RelayPosition {
  return { ...position, done: position.target ?? position.done, target: undefined, seq: '0' }
}
