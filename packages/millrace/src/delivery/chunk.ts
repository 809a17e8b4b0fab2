import type { DecodedRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import type { ReceivedEvent } from '../core/event.ts'
import type { Transaction } from '../ports/database.ts'
import { inUnit, type UnitOfWork, type UnitRunner } from '../unit/index.ts'
import { type DeadLetter, writeDeadLetters } from './dead-letters.ts'
import { claimMessages } from './inbox.ts'
import { advancePosition, type Position } from './positions.ts'
import type { Preparations } from './prepare.ts'

/** A record's handler, or its `prepare`, failed: the chunk was rolled back. */
export class RecordFailed extends Error {
  override readonly name = 'RecordFailed'
  /** Which of the chunk's records. */
  readonly index: number

  constructor(index: number, cause: unknown) {
    super('a record failed', { cause })
    this.index = index
  }
}

/** A batch handler failed: some record of the chunk, nobody knows which. */
export class BatchFailed extends Error {
  override readonly name = 'BatchFailed'
}

/** Somebody else has moved the position: the chunk was rolled back, and this member may not own the partition. */
export class PositionMoved extends Error {
  override readonly name = 'PositionMoved'
}

/** What became of a committed chunk's records. */
export interface ChunkOutcome {
  readonly position: Position
  readonly handled: number
  readonly duplicates: number
  /** How many events of each type the consumer has no handler for. */
  readonly unhandled: ReadonlyMap<string, number>
  readonly deadLetters: readonly DeadLetter[]
}

/** A chunk: records of one partition, in order, without a gap that matters. */
export interface Chunk {
  readonly consumer: Consumer
  readonly position: Position
  readonly records: readonly DecodedRecord[]
  readonly preparations: Preparations
  /** The error that the chunk's only record is given up for, and how often it was tried. */
  readonly givenUp?: { readonly error: unknown; readonly attempts: number }
}

/**
 * Handles a chunk in one transaction: position, inbox, handlers, dead letters, outbox, COMMIT. The first two share the
 * flight of BEGIN, the last three one more, whatever the number of records.
 *
 * @throws RecordFailed, BatchFailed, PositionMoved, and the database's errors; nothing has happened then
 */
export function handleChunk(runner: UnitRunner, chunk: Chunk): Promise<ChunkOutcome> {
  return inUnit(runner, 'worker', async (unit, transaction) => {
    const { position, seen } = await open(transaction, chunk)
    const fresh = withoutDuplicates(chunk.records, seen)
    const deadLetters = chunk.givenUp ? deadLettersOf(chunk, fresh) : undecodable(fresh)
    const events = chunk.givenUp ? [] : eventsOf(fresh)
    const unhandled = await handleEvents(unit, chunk, events)
    writeDeadLetters(transaction, chunk.position, deadLetters)
    return {
      position,
      handled: events.length,
      duplicates: chunk.records.length - fresh.length,
      unhandled,
      deadLetters,
    }
  })
}

/** A record, and which of its chunk's it is. */
interface IndexedRecord {
  readonly index: number
  readonly decoded: DecodedRecord
}

interface IndexedEvent {
  readonly index: number
  readonly event: ReceivedEvent
}

async function open(transaction: Transaction, { position, records }: Chunk) {
  const end = (records.at(-1)?.record.offset ?? position.next - 1) + 1
  const messageIds = records.flatMap(({ messageId }) => messageId ?? [])
  const [advanced, seen] = await Promise.all([
    advancePosition(transaction, position, end),
    claimMessages(transaction, position, messageIds),
  ])
  if (!advanced) throw new PositionMoved()
  return { position: advanced, seen }
}

function withoutDuplicates(records: readonly DecodedRecord[], seen: ReadonlySet<string>): IndexedRecord[] {
  const inChunk = new Set(seen)
  const fresh: IndexedRecord[] = []
  for (const [index, decoded] of records.entries()) {
    const { messageId } = decoded
    if (messageId !== undefined && inChunk.has(messageId)) continue
    if (messageId !== undefined) inChunk.add(messageId)
    fresh.push({ index, decoded })
  }
  return fresh
}

function undecodable(fresh: readonly IndexedRecord[]): DeadLetter[] {
  const letters: DeadLetter[] = []
  for (const { decoded } of fresh) {
    if (!decoded.event) letters.push({ record: decoded.record, error: decoded.problem, attempts: 0 })
  }
  return letters
}

function deadLettersOf({ givenUp }: Chunk, fresh: readonly IndexedRecord[]): DeadLetter[] {
  return fresh.map(({ decoded }) => ({ record: decoded.record, error: undefined, attempts: 0, ...givenUp }))
}

function eventsOf(fresh: readonly IndexedRecord[]): IndexedEvent[] {
  const events: IndexedEvent[] = []
  for (const { index, decoded } of fresh) if (decoded.event) events.push({ index, event: decoded.event })
  return events
}

async function handleEvents(
  unit: UnitOfWork,
  chunk: Chunk,
  events: readonly IndexedEvent[],
): Promise<ReadonlyMap<string, number>> {
  const { batch } = chunk.consumer
  if (events.length === 0) return new Map()
  if (!batch) return handleOneByOne(unit, chunk, events)
  const received = events.map(({ event }) => event)
  try {
    await unit.run((handlerUnit) => batch.handle(received, handlerUnit))
  } catch (error) {
    throw new BatchFailed('a batch failed', { cause: error })
  }
  return new Map()
}

/** One after the other: records interleaved on one transaction would void the row locks that handlers rely on. */
async function handleOneByOne(
  unit: UnitOfWork,
  chunk: Chunk,
  events: readonly IndexedEvent[],
): Promise<ReadonlyMap<string, number>> {
  const unhandled = new Map<string, number>()
  for (const { index, event } of events) {
    const handler = chunk.consumer.on[event.type]
    if (!handler) {
      unhandled.set(event.type, (unhandled.get(event.type) ?? 0) + 1)
      continue
    }
    try {
      const prepared = preparedFor(chunk, event)
      await unit.run((handlerUnit) => handler(event, handlerUnit, prepared), event)
    } catch (error) {
      throw new RecordFailed(index, error)
    }
  }
  return unhandled
}

function preparedFor({ consumer, preparations }: Chunk, event: ReceivedEvent): unknown {
  if (!consumer.prepare[event.type]) return undefined
  const prepared = preparations.resultOf(event.offset)
  if (!prepared) throw new Error(`prepare of ${event.type} has not run`)
  if ('error' in prepared) throw prepared.error
  return prepared.value
}
