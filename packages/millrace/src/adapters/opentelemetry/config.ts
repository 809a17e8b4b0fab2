import { type Logger, silentLogger } from '../../core/logger.ts'

/** Options of {@link createOpenTelemetry}. */
export interface OpenTelemetryOptions {
  /** Where an OTLP receiver listens for HTTP, without a path of its own: `http://127.0.0.1:4318`. */
  readonly endpoint: string
  /** What spans say they come from. */
  readonly serviceName: string
  readonly serviceVersion?: string
  /** The share of the traces begun here that are kept, 0 to 1. Whoever has begun a trace elsewhere decides about it. @default 1 */
  readonly sampleRatio?: number
  /**
   * Whether it becomes the OpenTelemetry API's own provider, so that `trace.getTracer('…')` in user code, and in
   * libraries, makes spans that go the same way. A process has one: the first. @default false
   */
  readonly global?: boolean
  readonly logger?: Logger
}

/** The options with defaults filled in. */
export interface OpenTelemetryConfig extends Required<OpenTelemetryOptions> {
  /** Where the exporter posts to. */
  readonly url: string
}

/** Fills in the defaults. */
export function openTelemetryConfig(options: OpenTelemetryOptions): OpenTelemetryConfig {
  return {
    serviceVersion: '0.0.0',
    sampleRatio: 1,
    global: false,
    logger: silentLogger,
    ...options,
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
  }
}
