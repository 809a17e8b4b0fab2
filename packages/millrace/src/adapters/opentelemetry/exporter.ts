import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { OpenTelemetryConfig } from './config.ts'

/** How long one batch is tried, retries included; then its spans are dropped. */
const exportMs = 3_000

/** Posts spans to the receiver. Says once that it does not take them, and once that it does again. */
export class TellingExporter implements SpanExporter {
  readonly #exporter: SpanExporter
  readonly #url: string
  readonly #logger: Logger
  #isFailing = false

  constructor({ url, logger }: Pick<OpenTelemetryConfig, 'url' | 'logger'>) {
    this.#exporter = new OTLPTraceExporter({ url, timeoutMillis: exportMs })
    this.#url = url
    this.#logger = logger
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, ({ code, error }) => {
      this.#tell(code === ExportResultCode.FAILED, error)
      // The processor has nothing to do about it: what failed is dropped.
      onResult({ code: ExportResultCode.SUCCESS })
    })
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #tell(isFailing: boolean, error: Error | undefined): void {
    if (isFailing === this.#isFailing) return
    this.#isFailing = isFailing
    const url = this.#url
    if (isFailing) this.#logger.warn({ url, problem: messageOf(error) }, 'spans are not taken and are dropped')
    else this.#logger.info({ url }, 'spans are taken again')
  }
}
