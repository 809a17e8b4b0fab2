import type { FastifyRequest } from 'fastify'
import { parseTraceContext, type TraceContext } from '../core/trace-context.ts'
import type { TraceSpan } from '../ports/tracing.ts'
import { inSurroundings, type Tracer } from '../tracing/index.ts'
import type { RouteServer } from './routes.ts'

/** Makes every request part of the trace that its caller tells of, with a span of its own where spans are made. */
export function addTracing(server: RouteServer, tracer: Tracer): void {
  const spans = new WeakMap<FastifyRequest, TraceSpan>()
  server.addHook('onRequest', (request, _reply, done) => {
    const parent = contextOf(request)
    const span = tracer.isOn ? tracer.begin(workOf(request), { parent }) : undefined
    const trace = span?.context ?? parent
    if (!trace) return done()
    if (span) spans.set(request, span)
    const serve = () => inSurroundings({ trace }, () => done())
    return span ? span.run(serve) : serve()
  })
  server.addHook('onError', async (request, _reply, error) => {
    spans.get(request)?.failed(error)
  })
  server.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request)
    span?.answered(reply.statusCode)
    span?.end()
  })
}

function contextOf({ headers }: FastifyRequest): TraceContext | undefined {
  return parseTraceContext(first(headers['traceparent']), first(headers['tracestate']))
}

/** Node joins what comes twice, but for a few names. */
function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}

function workOf(request: FastifyRequest) {
  const { method, routeOptions, url } = request
  return { kind: 'request' as const, method, route: routeOptions.url, path: url.replace(/\?.*/, '') }
}
