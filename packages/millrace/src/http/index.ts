export type { ConsumerItem, ConsumerPage } from './admin/consumer-schemas.ts'
export type {
  DeadLetterAnswer,
  DeadLetterCommand,
  DeadLetterItem,
  DeadLetterOutcome,
  DeadLetterQuery,
} from './admin/dead-letter-schemas.ts'
export type { PlaceText } from './admin/place-schemas.ts'
export type { ReplaySource } from './admin/replay-routes.ts'
export type { ReplayBegun, ReplayCommand, ReplayItem, ReplayPage, ReplayQuery } from './admin/replay-schemas.ts'
export type { AdminSource } from './admin/routes.ts'
export type { SeekAnswer, SeekCommand } from './admin/seek-schemas.ts'
export type { TimeSource } from './admin/time-routes.ts'
export type { ScheduleItem, SchedulePage, ScheduleRequested } from './admin/time-schemas.ts'
export { forUsers } from './auth/users.ts'
export type { ConsumerProgress, HealthSource, PartitionProgress, Readiness, TimersProgress } from './health.ts'
export type { LiveSource } from './live/source.ts'
export type { HttpServerOptions } from './options.ts'
export type { Pages } from './pages.ts'
export type { Misfit, Problem } from './problem.ts'
export { limitRequests, type RateLimit, type RequestLimit } from './rate-limit.ts'
export { defineRoutes, type RouteServer } from './routes.ts'
export { createHttpServer, type HttpServer } from './server.ts'
