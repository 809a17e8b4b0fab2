import type { DecodedRecord } from '../contracts/index.ts'
import type { Transaction } from '../ports/database.ts'
import { inUnit, type UnitOfWork, type UnitRunner } from '../unit/index.ts'
import type { DeadLetter } from './dead-letters.ts'
import { type Handlers, handleEvent, handleEvents, type IndexedEvent, type Unhandled } from './handlers.ts'
import type { HeldKeys } from './held-keys.ts'
import { claimMessages } from './inbox.ts'
import { Parking, type Verdict } from './parking.ts'
import { advancePosition, type Position } from './positions.ts'

/** Somebody else has moved the position: the chunk was rolled back, and this member may not own the partition. */
export class PositionMoved extends Error {
  override readonly name = 'PositionMoved'
}

/** What became of a committed chunk's records. */
export interface ChunkOutcome {
  readonly position: Position
  /** Records whose handlers ran, in order. */
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
  /** Records that failed at an earlier pass, by offset: they are not handled again now, but parked or given up. */
  readonly failed: ReadonlyMap<number, Verdict>
}

/** Looks over a careful pass. What it throws rolls the whole pass back. */
export interface Judge {
  /** What is to become of a record that failed in this pass. */
  failed(decoded: DecodedRecord, error: unknown): Verdict
  /** All records have been tried. */
  ended(handled: readonly DecodedRecord[]): void
}

/**
 * Handles a chunk in one transaction: position, inbox, handlers, dead letters, outbox, COMMIT. The first two share the
 * flight of BEGIN, the last three one more, whatever the number of records.
 *
 * @throws RecordFailed, BatchFailed, PositionMoved, HeldKeysChanged, and the database's errors; nothing has happened then
 */
export function handleChunk(runner: UnitRunner, chunk: Chunk): Promise<ChunkOutcome> {
  return inUnit(runner, 'worker', async (unit, transaction) => {
    const parking = parkingFor(chunk)
    const due = chunk.records.filter((decoded) => !isParked(chunk, parking, decoded))
    const [position, seen] = await Promise.all([
      advance(transaction, chunk),
      claimMessages(
        transaction,
        chunk.position,
        due.flatMap(({ event, messageId }) => (event && messageId) ?? []),
      ),
    ])
    const fresh = withoutDuplicates(due, seen)
    const unhandled: Unhandled = new Map()
    await handleEvents(unit, chunk, eventsOf(chunk, parking, fresh), unhandled)
    return conclude(transaction, chunk, { position, parking, unhandled, due: due.length, fresh })
  })
}

/**
 * The same, each record by itself: its message id and its effects within a savepoint, so that one that fails leaves the
 * others theirs. For chunks in which several fail.
 *
 * @throws what the judge throws, PositionMoved, HeldKeysChanged, and the database's errors
 */
export function handleCarefully(runner: UnitRunner, chunk: Chunk, judge: Judge): Promise<ChunkOutcome> {
  return inUnit(runner, 'worker', async (unit, transaction) => {
    const parking = parkingFor(chunk)
    const unhandled: Unhandled = new Map()
    const fresh: DecodedRecord[] = []
    let due = 0
    const position = await advance(transaction, chunk)
    for (const decoded of chunk.records) {
      if (isParked(chunk, parking, decoded)) continue
      due += 1
      try {
        if (await handleApart(unit, transaction, { chunk, parking, decoded, unhandled })) fresh.push(decoded)
      } catch (error) {
        parking.fail(decoded, judge.failed(decoded, error))
      }
    }
    judge.ended(fresh)
    return conclude(transaction, chunk, { position, parking, unhandled, due, fresh })
  })
}

interface Apart {
  readonly chunk: Chunk
  readonly parking: Parking
  readonly decoded: DecodedRecord
  readonly unhandled: Unhandled
}

/** Handles one record within a savepoint; answers whether it was new. */
function handleApart(unit: UnitOfWork, transaction: Transaction, { chunk, parking, decoded, unhandled }: Apart) {
  const { event, messageId } = decoded
  if (!event) {
    parking.bury(decoded, decoded.problem)
    return true
  }
  return unit.undoable(async () => {
    const ids = messageId === undefined ? [] : [messageId]
    const seen = await claimMessages(transaction, chunk.position, ids)
    if (seen.size > 0) return false
    await handleEvent(unit, chunk, event, unhandled)
    return true
  })
}

interface Conclusion {
  readonly position: Position
  readonly parking: Parking
  readonly unhandled: Unhandled
  readonly due: number
  readonly fresh: readonly DecodedRecord[]
}

async function conclude(
  transaction: Transaction,
  chunk: Chunk,
  { position, parking, unhandled, due, fresh }: Conclusion,
): Promise<ChunkOutcome> {
  const held = await parking.write(transaction, chunk.position)
  const { deadLetters, parked, failed } = parking
  const handled = fresh.filter(({ event }) => event)
  return { position, handled, duplicates: due - fresh.length, unhandled, deadLetters, parked, failed, held }
}

function parkingFor({ held, consumer }: Chunk): Parking {
  return new Parking(held, consumer.onDeadLetter === 'hold')
}

/** Whether a record has failed before, or waits behind one; it is noted then. */
function isParked({ failed }: Chunk, parking: Parking, decoded: DecodedRecord): boolean {
  if (parking.keepsBack(decoded)) return true
  const verdict = failed.get(decoded.record.offset)
  if (verdict) parking.fail(decoded, verdict)
  return verdict !== undefined
}

async function advance(transaction: Transaction, { position, records }: Chunk): Promise<Position> {
  const end = (records.at(-1)?.record.offset ?? position.next - 1) + 1
  const advanced = await advancePosition(transaction, position, end)
  if (!advanced) throw new PositionMoved()
  return advanced
}

/** What cannot be decoded is nobody's duplicate: it has not been handled, and may be when it is redriven. */
function withoutDuplicates(records: readonly DecodedRecord[], seen: ReadonlySet<string>): DecodedRecord[] {
  const inChunk = new Set(seen)
  return records.filter(({ event, messageId }) => {
    if (!event || messageId === undefined) return true
    const isNew = !inChunk.has(messageId)
    inChunk.add(messageId)
    return isNew
  })
}

/** What can be handled; what cannot is buried. */
function eventsOf({ records }: Chunk, parking: Parking, fresh: readonly DecodedRecord[]): IndexedEvent[] {
  const events: IndexedEvent[] = []
  let index = 0
  for (const decoded of fresh) {
    while (records[index] !== decoded) index += 1
    if (decoded.event) events.push({ index, event: decoded.event })
    else parking.bury(decoded, decoded.problem)
  }
  return events
}
