import { context, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import { within } from '../../core/wait.ts'
import type { SpanPlace, TraceSpan, Tracing, Work } from '../../ports/tracing.ts'
import type { OpenTelemetryConfig } from './config.ts'
import { toSpanContext } from './context.ts'
import { describe } from './describe.ts'
import { TellingExporter } from './exporter.ts'
import { OpenTelemetrySpan } from './span.ts'

/** How many spans wait for the receiver at most; how many go in one request, and how long after the first of them. */
const mostWaiting = 4_096
const batchSize = 512
const batchMs = 1_000
/** How long handing on the last spans may keep the process. */
const stopMs = 3_000

/** Makes spans by OpenTelemetry's SDK. */
export class OpenTelemetryTracing implements Tracing {
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  /** Whether it is the API's own provider. */
  readonly #isGlobal: boolean

  constructor(config: OpenTelemetryConfig) {
    // Refused where the process has one already, which does as well.
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    this.#provider = providerOf(config)
    this.#tracer = this.#provider.getTracer('millrace')
    this.#isGlobal = config.global && trace.setGlobalTracerProvider(this.#provider)
  }

  begin(work: Work, { parent, links = [] }: SpanPlace): TraceSpan {
    const { name, kind, attributes } = describe(work)
    const active = context.active()
    const around = trace.getSpanContext(active)
    const base = parent ? trace.setSpanContext(active, toSpanContext(parent)) : active
    const linked = links.map(toSpanContext)
    // What is caused from elsewhere is no child of what it runs in here, but has to do with it.
    if (parent && around) linked.push(around)
    const span = this.#tracer.startSpan(
      name,
      { kind, attributes, links: linked.map((each) => ({ context: each })) },
      base,
    )
    return new OpenTelemetrySpan(span, trace.setSpan(active, span))
  }

  async stop(): Promise<void> {
    if (this.#isGlobal) trace.disable()
    await within(stopMs, () => this.#provider.shutdown().catch(() => {}))
  }
}

function providerOf(config: OpenTelemetryConfig): TracerProvider {
  return new TracerProvider({
    resource: resourceFromAttributes({
      [ATTR_SERVICE_NAME]: config.serviceName,
      [ATTR_SERVICE_VERSION]: config.serviceVersion,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new TellingExporter(config),
        maxQueueSize: mostWaiting,
        maxExportBatchSize: batchSize,
        scheduledDelayMillis: batchMs,
      }),
    ],
  })
}
