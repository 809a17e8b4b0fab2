import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../observability/index.ts'
import { type CopyRefused, type Lane, Relay } from '../outbox/index.ts'
import type { Database } from '../ports/database.ts'
import type { Tracer } from '../tracing/index.ts'
import { relayMetrics } from './publish-metrics.ts'
import { together } from './together.ts'

/** What relays are run with. */
export interface RelaysOptions {
  readonly database: Database
  readonly copyRefused: CopyRefused
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly logger: Logger
}

/** The relays of an app, one for each lane of the outbox. */
export class Relays implements Part {
  readonly name = 'relays'
  readonly #relays: ReadonlyMap<string, Relay>
  readonly #all: Part

  constructor(lanes: readonly Lane[], { metrics, ...options }: RelaysOptions) {
    this.#relays = new Map(
      lanes.map((lane) => [lane.name, new Relay({ ...options, lane, metrics: relayMetrics(metrics, lane.name) })]),
    )
    this.#all = together(this.name, [...this.#relays.values()])
  }

  /** Says that this process has committed events for these lanes. */
  wake(lanes: Iterable<string>): void {
    for (const lane of lanes) this.#relays.get(lane)?.wake()
  }

  async start(): Promise<void> {
    await this.#all.start?.()
  }

  async stop(): Promise<void> {
    await this.#all.stop?.()
  }
}
