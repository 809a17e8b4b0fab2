export { brokerLane, type Lane, type TransactionalLog, transactionalLane } from './lanes.ts'
export { Leadership, type LeadershipOptions } from './leadership.ts'
export { outboxMigrations, outboxSlices, writeOutbox } from './outbox.ts'
export { Relay, type RelayOptions } from './relay.ts'
