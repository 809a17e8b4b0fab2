import type { MigrationSet } from '../migrate/index.ts'

export type { BulkCursor, BulkOutcome } from './bulk.ts'
export {
  type ConsumerState,
  listConsumers,
  type PartitionState,
  switchConsumer,
} from './consumer-operations.ts'
export { type ConsumedTopic, ConsumerRunner } from './consumer-runner.ts'
export { Controls } from './controls.ts'
export { countDeadLetters, type DeadLetterCount } from './dead-letter-counts.ts'
export type { DeadLetterFilter, DeadLetterRow } from './dead-letter-filter.ts'
export {
  type DeadLetterDetails,
  DeadLetterOperations,
  type DeadLetterRequest,
  type Skipped,
} from './dead-letter-operations.ts'
export { inboxSlices } from './inbox.ts'
export type { DeliveryMetrics } from './metrics.ts'
export type { LocatedConsumer, Place } from './places.ts'
export type { WorkerStatus } from './progress.ts'
export { beginReplay, cancelReplay, type ReplayBeginning, showReplay } from './replay-operations.ts'
export { ReplayRunner } from './replay-runner.ts'
export { listReplays, type Replay, type ReplayProgress } from './replays.ts'
export { type ConsumerOperations, seekConsumer } from './seek.ts'

/** The tables of delivery. */
export const deliveryMigrations: MigrationSet = { owner: 'delivery', folder: new URL('./migrations/', import.meta.url) }
