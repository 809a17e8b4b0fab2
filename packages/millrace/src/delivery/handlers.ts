import type { DecodedRecord } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import type { ReceivedEvent } from '../core/event.ts'
import type { UnitOfWork } from '../unit/index.ts'
import type { Preparations } from './prepare.ts'

/** A record's handler, or its `prepare`, failed: what its transaction has done since the last savepoint is to be undone. */
export class RecordFailed extends Error {
  override readonly name = 'RecordFailed'
  /** Which of the records. */
  readonly index: number

  constructor(index: number, cause: unknown) {
    super('a record failed', { cause })
    this.index = index
  }
}

/** A batch handler failed: some record of the batch, nobody knows which. */
export class BatchFailed extends Error {
  override readonly name = 'BatchFailed'
}

/** A consumer, and what its `prepare` has come to. */
export interface Handlers {
  readonly consumer: Consumer
  readonly preparations: Preparations
}

/** An event, and which of the records it is. */
export interface IndexedEvent {
  readonly index: number
  readonly event: ReceivedEvent
}

/**
 * Runs the handlers of events, in order, in one unit of work.
 *
 * @throws RecordFailed, BatchFailed
 */
export async function handleEvents(
  unit: UnitOfWork,
  handlers: Handlers,
  events: readonly IndexedEvent[],
): Promise<void> {
  const { batch } = handlers.consumer
  if (events.length === 0) return
  if (batch) return handleBatch(unit, batch, events)
  // One after the other: records interleaved on one transaction would void the row locks that handlers rely on.
  for (const { index, event } of events) {
    try {
      await handleEvent(unit, handlers, event)
    } catch (error) {
      throw new RecordFailed(index, error)
    }
  }
}

/** An event that the consumer has no handler for is handled by leaving it. */
async function handleEvent(
  unit: UnitOfWork,
  { consumer, preparations }: Handlers,
  event: ReceivedEvent,
): Promise<void> {
  const handler = consumer.on[event.type]
  if (!handler) return
  const prepared = preparedFor(consumer, preparations, event)
  await unit.run((handlerUnit) => handler(event, handlerUnit, prepared), event)
}

/** How many events of each type there are that the consumer has no handler for. */
export function countUnhandled(
  { on, batch }: Consumer,
  records: readonly DecodedRecord[],
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  if (batch) return counts
  for (const { event } of records) {
    if (event && !on[event.type]) counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
  }
  return counts
}

async function handleBatch(
  unit: UnitOfWork,
  batch: NonNullable<Consumer['batch']>,
  events: readonly IndexedEvent[],
): Promise<void> {
  const received = events.map(({ event }) => event)
  try {
    await unit.run((handlerUnit) => batch.handle(received, handlerUnit))
  } catch (error) {
    throw new BatchFailed('a batch failed', { cause: error })
  }
}

function preparedFor(consumer: Consumer, preparations: Preparations, event: ReceivedEvent): unknown {
  if (!consumer.prepare[event.type]) return undefined
  const prepared = preparations.resultOf(event)
  if (!prepared) throw new Error(`prepare of ${event.type} has not run`)
  if ('error' in prepared) throw prepared.error
  return prepared.value
}
