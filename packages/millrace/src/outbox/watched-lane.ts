import type { Tracer } from '../tracing/index.ts'
import type { Lane } from './lanes.ts'
import type { RelayMetrics } from './metrics.ts'

/** A lane whose every piece is measured, and a span linked to what published its records. */
export function watchedLane(lane: Lane, metrics: RelayMetrics, tracer: Tracer): Lane {
  return {
    name: lane.name,
    carry: async (records, settle) => {
      const started = performance.now()
      const outcome = await tracer.relayed(lane.name, records, () => lane.carry(records, settle))
      metrics.carried(performance.now() - started)
      return outcome
    },
  }
}
