import type { Tracing } from '../../ports/tracing.ts'
import { type OpenTelemetryOptions, openTelemetryConfig } from './config.ts'
import { OpenTelemetryTracing } from './tracing.ts'

export type { OpenTelemetryOptions } from './config.ts'

/**
 * Sends spans to an OTLP receiver, by HTTP and Protobuf, in batches. While it does not answer, spans are dropped, which the
 * log says once. What else the exporter can do comes from OpenTelemetry's own variables, such as
 * `OTEL_EXPORTER_OTLP_HEADERS`.
 *
 * Code that runs within one of the framework's spans finds it as the active one of the OpenTelemetry API. For that the
 * process gets a context manager, where it has none; what it keeps belongs to the code that runs, not to an app.
 */
export function createOpenTelemetry(options: OpenTelemetryOptions): Tracing {
  return new OpenTelemetryTracing(openTelemetryConfig(options))
}
