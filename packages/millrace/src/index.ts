// Apps

export { type App, type AppOptions, createApp, type HttpOptions, type InternalBroker, type Role } from './app/index.ts'
export type { Clock } from './core/clock.ts'
export type { Part } from './core/lifecycle.ts'

// Definitions; the format for Protobuf is in `millrace/protobuf`

export { json } from './contracts/index.ts'
export {
  type AnyChannel,
  type Channel,
  type ChannelMessages,
  type ChannelOptions,
  defineChannel,
  type LiveMessage,
} from './core/channel.ts'
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
export type { EventOptions, OutgoingEvent, Published, ReceivedEvent } from './core/event.ts'
export { DataMismatch, type EventTypes, type Format, type SchemaTypes, type ZodTypes } from './core/format.ts'
export type { Authenticate, Identity } from './core/identity.ts'
export type { Live, LiveSnapshot } from './core/live.ts'
export { defineModule, type Millrace, type Module, type ModuleOptions, type Routes } from './core/module.ts'
export {
  type CronOptions,
  defineSchedule,
  type IntervalOptions,
  type MissedTicks,
  type Schedule,
  type ScheduleOptions,
  type Tick,
} from './core/schedule.ts'
export {
  type AnyTopic,
  defineTopic,
  type EventConstructor,
  type EventOf,
  type ForeignRecord,
  type PublishMode,
  type Topic,
  type TopicEvents,
  type TopicOptions,
  type TypeOf,
  typeField,
} from './core/topic.ts'
export type {
  Bind,
  Db,
  DirectTopic,
  OutboxTopic,
  Queryable,
  QueryResult,
  Register,
  Statement,
  TimerOptions,
  Unit,
} from './core/unit.ts'
export {
  defineRoutes,
  forUsers,
  limitRequests,
  type Misfit,
  type Pages,
  type Problem,
  type RateLimit,
  type RequestLimit,
  type RouteServer,
} from './http/index.ts'

// Errors

export {
  type ErrorCode,
  type ErrorDetails,
  errorCatalogue,
  fail,
  isMillraceError,
  MillraceError,
  messageOf,
} from './core/errors.ts'

// Logs, metrics and traces; the exporter is in `millrace/opentelemetry`

export type { Logger } from './core/logger.ts'
export {
  createLogger,
  createMetrics,
  type LoggerOptions,
  type LogLevel,
  type MetricDefinition,
  type Metrics,
  metricCatalogue,
  metricGroups,
  metricPrefix,
} from './observability/index.ts'
