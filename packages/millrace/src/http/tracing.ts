import type { FastifyRequest } from 'fastify'
import { parseTraceContext, type TraceContext } from '../core/trace-context.ts'
import type { TraceSpan, Work } from '../ports/tracing.ts'
import { inSurroundings, type Tracer } from '../tracing/index.ts'
import type { RouteServer } from './routes.ts'

/** Makes the requests of a scope part of the trace that their callers tell of, with a span each where spans are made. */
export function addTracing(server: RouteServer, tracer: Tracer): void {
  if (tracer.isOn) addSpans(server, tracer)
  else addContext(server)
}

function addContext(server: RouteServer): void {
  within(server, (request, serve) => {
    const trace = contextOf(request)
    if (trace) inSurroundings({ trace }, serve)
    else serve()
  })
}

function addSpans(server: RouteServer, tracer: Tracer): void {
  const spans = new WeakMap<FastifyRequest, TraceSpan>()
  server.addHook('onRequest', async (request) => {
    const span = tracer.begin(workOf(request), { parent: contextOf(request) })
    if (span) spans.set(request, span)
  })
  within(server, (request, serve) => {
    const span = spans.get(request)
    if (span) span.run(() => inSurroundings({ trace: span.context }, serve))
    else serve()
  })
  addEnds(server, spans)
}

function addEnds(server: RouteServer, spans: WeakMap<FastifyRequest, TraceSpan>): void {
  const errors = new WeakMap<FastifyRequest, Error>()
  const end = (request: FastifyRequest, tell: (span: TraceSpan) => void) => {
    const span = spans.get(request)
    if (!span) return
    spans.delete(request)
    tell(span)
    span.end()
  }
  server.addHook('onError', async (request, _reply, error) => {
    errors.set(request, error)
  })
  server.addHook('onResponse', async (request, { statusCode }) => {
    end(request, (span) => {
      span.answered(statusCode)
      const error = errors.get(request)
      // What is the client's fault is none of the server's.
      if (error && statusCode >= 500) span.failed(error)
    })
  })
  server.addHook('onRequestAbort', async (request) => {
    end(request, (span) => span.failed(new Error('the client did not wait for the answer')))
  })
}

/**
 * Has everything that serves a request run within something. Twice: what follows the arrival of a body is called by the
 * socket, which knows nothing of what its listeners were added in.
 */
function within(server: RouteServer, run: (request: FastifyRequest, serve: () => void) => void): void {
  server.addHook('onRequest', (request, _reply, done) => run(request, () => done()))
  server.addHook('preValidation', (request, _reply, done) => run(request, () => done()))
}

function contextOf({ headers }: FastifyRequest): TraceContext | undefined {
  return parseTraceContext(oneText(headers['traceparent']), oneText(headers['tracestate']))
}

function oneText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}

function workOf({ method, routeOptions, url }: FastifyRequest): Work {
  return { kind: 'request', method, route: routeOptions.url, path: url.replace(/\?.*/, '') }
}
