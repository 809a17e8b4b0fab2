import type { CopyDeadLetter, DecodedRecord } from '../contracts/index.ts'
import type { Transaction } from '../ports/database.ts'
import { inUnit, type UnitRunner } from '../unit/index.ts'
import { copiesOf, type DeadLetter } from './dead-letters.ts'
import { countUnhandled, type Handlers } from './handlers.ts'
import type { HeldKeys } from './held-keys.ts'
import { claimMessages, disclaimMessages } from './inbox.ts'
import { Parking, type Verdict } from './parking.ts'
import { type Judge, Pass } from './pass.ts'
import { advancePosition, type Position } from './positions.ts'
import { takeTurn } from './turns.ts'

/** Somebody else has moved the position: the chunk was rolled back, and this member may not own the partition. */
export class PositionMoved extends Error {
  override readonly name = 'PositionMoved'
}

/** What became of a committed chunk's records. */
export interface ChunkOutcome {
  readonly position: Position
  /** Records whose handlers ran, in order; those that the consumer has no handler for are among them. */
  readonly handled: readonly DecodedRecord[]
  readonly duplicates: number
  /** How many events of each type the consumer has no handler for. */
  readonly unhandled: ReadonlyMap<string, number>
  readonly deadLetters: readonly DeadLetter[]
  readonly parked: number
  /** Those of the parked that failed themselves. */
  readonly failed: Parking['failed']
  /** Keys that are held from now on: their ids by hash. */
  readonly held: ReadonlyMap<string, string>
}

/** A chunk: records of one partition, in order, without a gap that matters. */
export interface Chunk extends Handlers {
  readonly position: Position
  readonly records: readonly DecodedRecord[]
  readonly held: HeldKeys
  readonly copyDeadLetter: CopyDeadLetter
  /** Whether it goes one after the other with others that say so. */
  readonly takesTurn: boolean
  /** Offsets of records that are not to be waited for: they are handled apart from the partition. */
  readonly slow: ReadonlySet<number>
  /** A record that has failed, by all that is known: its handler does not run. */
  readonly convicted?: { readonly offset: number; readonly verdict: Verdict } | undefined
}

/** Looks over a chunk. What it throws rolls all of it back. */
export interface Overseer {
  readonly judge: Judge
  /** All records have been tried. */
  tried(handled: readonly DecodedRecord[]): void
}

/**
 * Handles a chunk in one transaction: position, inbox, handlers, what failed, outbox, COMMIT. The first two share the
 * flight of BEGIN, the last three one more, whatever the number of records.
 *
 * @throws PositionMoved, HeldKeysChanged, what the overseer throws, and the database's errors; nothing has happened then
 */
export function handleChunk(runner: UnitRunner, chunk: Chunk, overseer: Overseer): Promise<ChunkOutcome> {
  return inUnit(runner, 'worker', async (unit, transaction) => {
    const { consumer, preparations, watch } = chunk
    const parking = new Parking(chunk.held, consumer.onDeadLetter === 'hold')
    const due = chunk.records.filter((decoded) => !isKeptBack(chunk, parking, decoded))
    const ids = messageIdsOf(due)
    if (chunk.takesTurn) takeTurn(transaction)
    const [position, seen] = await Promise.all([
      advance(transaction, chunk),
      claimMessages(transaction, chunk.position, ids),
      parking.check(transaction),
    ])
    const fresh = withoutDuplicates(due, seen)
    const pass = new Pass({ consumer, preparations, watch, unit, parking, judge: overseer.judge })
    await pass.run(fresh)
    overseer.tried(pass.handled)
    if (pass.handled.length < fresh.length) disclaim(transaction, chunk, fresh, pass.handled)
    const held = await parking.write(transaction, chunk.position)
    const { deadLetters, parked, failed } = parking
    unit.add(copiesOf(chunk, deadLetters))
    const { handled } = pass
    const duplicates = due.length - fresh.length
    const unhandled = countUnhandled(consumer, handled)
    return { position, handled, duplicates, unhandled, deadLetters, parked, failed, held }
  })
}

/** Whether a record is not to be handled now; what becomes of it instead is noted. */
function isKeptBack({ convicted, slow }: Chunk, parking: Parking, decoded: DecodedRecord): boolean {
  const { offset } = decoded.record
  if (!decoded.event) parking.bury(decoded, decoded.problem)
  else if (parking.keepsBack(decoded)) return true
  else if (slow.has(offset)) parking.defer(decoded)
  else if (offset === convicted?.offset) parking.fail(decoded, convicted.verdict)
  else return false
  return true
}

async function advance(transaction: Transaction, { position, records }: Chunk): Promise<Position> {
  const end = (records.at(-1)?.record.offset ?? position.next - 1) + 1
  const advanced = await advancePosition(transaction, position, end)
  if (!advanced) throw new PositionMoved()
  return advanced
}

function messageIdsOf(records: readonly DecodedRecord[]): string[] {
  return records.flatMap(({ messageId }) => messageId ?? [])
}

function withoutDuplicates(records: readonly DecodedRecord[], seen: ReadonlySet<string>): DecodedRecord[] {
  const known = new Set(seen)
  return records.filter(({ messageId }) => {
    if (messageId === undefined) return true
    const isNew = !known.has(messageId)
    known.add(messageId)
    return isNew
  })
}

/** What was not handled after all claims its message id when it is. */
function disclaim(
  transaction: Transaction,
  { position }: Chunk,
  fresh: readonly DecodedRecord[],
  handled: readonly DecodedRecord[],
): void {
  const done = new Set(handled)
  disclaimMessages(transaction, position, messageIdsOf(fresh.filter((decoded) => !done.has(decoded))))
}
