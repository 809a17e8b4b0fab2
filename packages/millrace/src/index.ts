/** Apps. */
export { type App, type AppOptions, createApp, type Role } from './app/index.ts'
/** Formats; Protobuf's is `millrace/protobuf`. */
export { json } from './contracts/index.ts'
/** Definitions. */
export {
  type Backoff,
  type BatchOptions,
  type Consumer,
  type ConsumerOptions,
  defineConsumer,
  exponential,
  type RetryPolicy,
} from './core/consumer.ts'
export { type Duration, isDuration, milliseconds } from './core/duration.ts'
/** Errors. */
export {
  type ErrorCode,
  type ErrorDetails,
  errorCatalogue,
  fail,
  isMillraceError,
  MillraceError,
  messageOf,
} from './core/errors.ts'
export type { EventOptions, OutgoingEvent, Published, ReceivedEvent } from './core/event.ts'
export type { Format, SchemaTypes } from './core/format.ts'
export { DataMismatch } from './core/format.ts'
export type { Part } from './core/lifecycle.ts'
export type { Logger } from './core/logger.ts'
export { defineModule, type Millrace, type Module, type ModuleOptions, type Routes } from './core/module.ts'
export { type AnyTopic, defineTopic, type EventConstructor, type EventOf, type Topic, typeField } from './core/topic.ts'
export type { Bind, Db, Queryable, QueryResult, Register, Statement, Unit } from './core/unit.ts'
/** HTTP. */
export { defineRoutes, type RouteServer } from './http/index.ts'
/** Observability. */
export { createLogger, createMetrics, type Metrics } from './observability/index.ts'
