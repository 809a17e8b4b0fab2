export { brokerLane, type Lane, type TransactionalLog, transactionalLane } from './lanes.ts'
export { outboxMigrations, outboxSlices, writeOutbox } from './outbox.ts'
export type { CopyRefused } from './refused.ts'
export { Relay, type RelayOptions } from './relay.ts'
