import { type SpanContext, TraceFlags, type TraceState } from '@opentelemetry/api'
import { TraceState as ParsedTraceState, parseTraceParent } from '@opentelemetry/core'
import type { TraceContext } from '../../core/trace-context.ts'

/** What came with a request or a record, as OpenTelemetry has it. */
export function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext {
  const parsed = parseTraceParent(traceparent)
  if (!parsed) throw new Error(`not a context: ${traceparent}`)
  const traceState: TraceState | undefined = tracestate === undefined ? undefined : new ParsedTraceState(tracestate)
  return { ...parsed, isRemote: true, ...(traceState && { traceState }) }
}

/** A span's context, as headers have it. */
export function toTraceContext({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  const context = { traceparent: `00-${traceId}-${spanId}-${flags}` }
  const tracestate = traceState?.serialize()
  return tracestate ? { ...context, tracestate } : context
}
