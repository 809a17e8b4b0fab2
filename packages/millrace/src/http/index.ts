export type { ConsumerItem, ConsumerPage } from './admin/consumer-schemas.ts'
export type {
  DeadLetterAnswer,
  DeadLetterCommand,
  DeadLetterItem,
  DeadLetterOutcome,
  DeadLetterQuery,
} from './admin/dead-letter-schemas.ts'
export type { AdminSource } from './admin/routes.ts'
export type { TimeSource } from './admin/time-routes.ts'
export type { ScheduleItem, SchedulePage, ScheduleRequested } from './admin/time-schemas.ts'
export type { ConsumerProgress, HealthSource, PartitionProgress, TimersProgress } from './health.ts'
export type { HttpServerOptions } from './options.ts'
export { defineRoutes, type RouteServer } from './routes.ts'
export { createHttpServer, type HttpServer } from './server.ts'
