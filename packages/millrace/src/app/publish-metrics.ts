import type { DirectMetrics } from '../direct/index.ts'
import type { Metrics } from '../observability/index.ts'
import type { RelayMetrics } from '../outbox/index.ts'

/** The metrics of the relay to one broker, in the app's registry. */
export function relayMetrics(metrics: Metrics, lane: string): RelayMetrics {
  const leading = metrics.gauge('relay_leading').labels(lane)
  const taken = metrics.counter('relay_records_total').labels(lane)
  const parked = metrics.counter('relay_parked_total').labels(lane)
  const refused = metrics.counter('relay_refused_total').labels(lane)
  const failures = metrics.counter('relay_failures_total').labels(lane)
  const duration = metrics.histogram('relay_piece_duration_seconds').labels(lane)
  const progress = metrics.gauge('relay_progress_timestamp_seconds').labels(lane)
  leading.set(0)
  progress.set(0)
  // A series that begins with its first increment hides that one from `rate`.
  for (const counter of [taken, parked, refused, failures]) counter.inc(0)
  return {
    leading: (isLeading) => leading.set(isLeading ? 1 : 0),
    carried: (ms) => {
      duration.observe(ms / 1_000)
      progress.setToCurrentTime()
    },
    settled: (takenNow, parkedNow, refusedNow) => {
      taken.inc(takenNow)
      parked.inc(parkedNow)
      refused.inc(refusedNow)
    },
    failed: () => failures.inc(),
  }
}

/** The metrics of direct publishes, in the app's registry. */
export function directMetrics(metrics: Metrics): DirectMetrics {
  const records = metrics.counter('direct_records_total')
  const failures = metrics.counter('direct_failures_total')
  const requests = metrics.counter('direct_requests_total')
  const duration = metrics.histogram('direct_request_duration_seconds')
  return {
    answered: (topic, { taken, failed, ms }) => {
      records.inc({ topic }, taken)
      failures.inc({ topic }, failed)
      requests.inc({ topic })
      duration.observe({ topic }, ms / 1_000)
    },
    refused: (topic) => failures.inc({ topic }),
  }
}
