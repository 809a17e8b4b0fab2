export { outboxMigrations, outboxSlices, writeOutbox } from './outbox.ts'
export { Relay, type RelayOptions, type TransactionalLog } from './relay.ts'
