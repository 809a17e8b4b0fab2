import type { Metrics } from '../observability/metrics.ts'
import type { RouteServer } from './routes.ts'

/** Measures every request by method, route and status, and adds `GET /metrics`. Requests are logged at debug. */
export function addTelemetry(server: RouteServer, metrics: Metrics): void {
  const duration = metrics.histogram('http_request_duration_seconds')
  server.addHook('onResponse', async (request, reply) => {
    // The pattern, not the path: a series for every id would never end.
    const route = request.routeOptions.url ?? 'none'
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000)
    request.log.debug({ method: request.method, url: request.url, status: reply.statusCode }, 'request served')
  })
  server.get('/metrics', { schema: { tags: ['health'], summary: 'Metrics for Prometheus' } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  )
}
