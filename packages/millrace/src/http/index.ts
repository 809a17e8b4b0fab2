export type { ConsumerProgress, HealthSource, PartitionProgress } from './health.ts'
export type { HttpServerOptions } from './options.ts'
export { defineRoutes, type RouteServer } from './routes.ts'
export { createHttpServer, type HttpServer } from './server.ts'
