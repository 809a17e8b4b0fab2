import type { MigrationSet } from '../migrate/index.ts'

export { type ConsumedTopic, ConsumerRunner } from './consumer-runner.ts'
export { inboxSlices } from './inbox.ts'
export type { DeliveryMetrics } from './metrics.ts'
export type { WorkerStatus } from './partition-worker.ts'

/** The tables of delivery. */
export const deliveryMigrations: MigrationSet = { owner: 'delivery', folder: new URL('./migrations/', import.meta.url) }
