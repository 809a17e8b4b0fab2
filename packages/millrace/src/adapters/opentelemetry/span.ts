import { type Context, context, type Span, SpanStatusCode } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE, ATTR_HTTP_RESPONSE_STATUS_CODE } from '@opentelemetry/semantic-conventions'
import { codeOf, messageOf } from '../../core/errors.ts'
import type { TraceContext } from '../../core/trace-context.ts'
import type { TraceSpan } from '../../ports/tracing.ts'
import { toTraceContext } from './context.ts'

/** A span of the framework's. */
export class OpenTelemetrySpan implements TraceSpan {
  readonly context: TraceContext
  readonly #span: Span
  readonly #within: Context

  /** @param within the context in which it is the active span */
  constructor(span: Span, within: Context) {
    this.context = toTraceContext(span.spanContext())
    this.#span = span
    this.#within = within
  }

  run<T>(work: () => T): T {
    return context.with(this.#within, work)
  }

  answered(status: number): void {
    this.#span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status)
    if (status < 500) return
    this.#span.setAttribute(ATTR_ERROR_TYPE, String(status))
    this.#span.setStatus({ code: SpanStatusCode.ERROR })
  }

  failed(error: unknown): void {
    this.#span.setAttribute(ATTR_ERROR_TYPE, codeOf(error))
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
    if (error instanceof Error) this.#span.recordException(error)
  }

  end(): void {
    this.#span.end()
  }
}
