import pg from 'pg'
import { fail, isMillraceError, messageOf } from '../../core/errors.ts'
import type { DatabaseFault } from '../../ports/database.ts'

/**
 * Every error our connections have rejected with. A driver error without an SQLSTATE looks like any other `Error`;
 * only where it came from tells that it is the connection's fault and not a handler's.
 */
const fromDriver = new WeakSet<object>()

/** Remembers that an error came from a connection; returns it. */
export function markDriverError(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) fromDriver.add(error)
  return error
}

/**
 * What a failed statement is thrown as: DATABASE_UNAVAILABLE where the connection or the server was lost under it, so that
 * whoever cannot ask {@link faultOf} sees it too, through a query builder's error as well; else the driver's own error.
 */
export function statementError(error: unknown): unknown {
  markDriverError(error)
  const isLost = faultOf(error) === 'unavailable' && !ownMessage.has(sqlStateOf(error) ?? '')
  return isLost ? fail('DATABASE_UNAVAILABLE', { problem: messageOf(error) }, { cause: error }) : error
}

/** How many causes deep to look: query builders wrap the driver's errors. */
const deepestCause = 5

/** See {@link Database.faultOf}. */
export function faultOf(error: unknown): DatabaseFault | undefined {
  let current = error
  for (let depth = 0; depth < deepestCause && typeof current === 'object' && current !== null; depth += 1) {
    if (isMillraceError(current, 'DATABASE_UNAVAILABLE') || isMillraceError(current, 'DATABASE_POOL_EXHAUSTED')) {
      return 'unavailable'
    }
    if (fromDriver.has(current)) return classify(current)
    current = (current as { cause?: unknown }).cause
  }
  return undefined
}

/**
 * The five-character SQLSTATE of an error that the server has sent. The system's own codes are no SQLSTATEs, though
 * `EPIPE`, which a lost connection gives, looks like one.
 */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** A check violation; also PostgreSQL's answer when no partition of a table takes a row. */
const noSlice = '23514'
/** A statement was cancelled, by its time-out for one: that is worth another try, but the database was reached. */
const cancelled = '57014'
/** Faults that pass by, but say themselves what they are. */
const ownMessage = new Set([noSlice, cancelled])

/** Idle time-outs, of a transaction and of a session, that ended the connection. */
const idleStates = new Set(['25P03', '25P04', '57P05'])
/** Too many parameters, for one: what the driver sent was wrong, not the connection. */
const protocolViolation = '08P01'

function classify(error: object): DatabaseFault {
  const state = sqlStateOf(error)
  if (state === undefined) return isConnectionError(error) ? 'unavailable' : 'statement'
  if (state === protocolViolation) return 'statement'
  if (idleStates.has(state) || /^(08|53|57)/.test(state)) return 'unavailable'
  if (state.startsWith('40') || state === '55P03') return 'conflict'
  if (state === '25P02') return 'aborted'
  // The process slept past the slices made ahead; the database makes them when it sees this.
  return isMissingSlice(error) ? 'unavailable' : 'statement'
}

/**
 * Whether a driver error without an SQLSTATE is about the connection: it has the system's code, or the driver's words for
 * a lost one. Others are about the statement, such as a parameter that cannot be written as JSON.
 */
function isConnectionError(error: object): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' || /connection|not queryable|time-?out/i.test(String(message))
}

/** Whether no slice of one of our tables took a row. A check of ours that a row does not pass has a constraint's name. */
export function isMissingSlice(error: unknown): boolean {
  if (sqlStateOf(error) !== noSlice) return false
  const { schema, constraint } = error as { schema?: unknown; constraint?: unknown }
  return schema === 'millrace' && constraint === undefined
}
