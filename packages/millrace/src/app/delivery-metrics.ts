import type { Logger } from '../core/logger.ts'
import type { DeliveryMetrics } from '../delivery/index.ts'
import type { Metrics } from '../observability/index.ts'

/** The delivery metrics of one consumer, in the app's registry. */
export function deliveryMetrics(metrics: Metrics, consumer: string, logger: Logger): DeliveryMetrics {
  const counters = countersOf(metrics, consumer)
  // A series that begins with its first increment hides that one from `rate`.
  for (const counter of Object.values(counters)) counter.inc(0)
  const { handler, prepare, chunk, chunkRecords, drain } = histogramsOf(metrics, consumer)
  const warned = new Set<string>()
  const warnOf = (type: string) => {
    if (!warned.has(type)) logger.warn({ consumer, type }, 'the consumer has no handler for this event type')
    warned.add(type)
  }
  return {
    committed: (outcome, records) => {
      const unhandled = outcome.unhandled.values().reduce((sum, count) => sum + count, 0)
      counters.handled.inc(outcome.handled.length - unhandled)
      counters.unhandled.inc(unhandled)
      counters.parked.inc(outcome.parked)
      counters.duplicate.inc(outcome.duplicates)
      counters.dead.inc(outcome.deadLetters.length)
      chunkRecords.observe(records)
      for (const type of outcome.unhandled.keys()) warnOf(type)
    },
    failed: () => counters.failed.inc(),
    retried: (records) => counters.retried.inc(records),
    gaveUp: () => counters.dead.inc(),
    skipped: (records) => counters.skipped.inc(records),
    positionMoved: () => counters.moved.inc(),
    chunk: (ms) => chunk.observe(ms / 1_000),
    handler: (ms) => handler.observe(ms / 1_000),
    prepare: (ms) => prepare.observe(ms / 1_000),
    assigned: () => counters.assigned.inc(),
    revoked: (ms, inTime) => {
      counters.revoked.inc()
      drain.observe(ms / 1_000)
      if (!inTime) counters.timedOut.inc()
    },
  }
}

function countersOf(metrics: Metrics, consumer: string) {
  return {
    handled: metrics.counter('records_handled_total').labels(consumer),
    failed: metrics.counter('records_failed_total').labels(consumer),
    retried: metrics.counter('records_retried_total').labels(consumer),
    parked: metrics.counter('records_parked_total').labels(consumer),
    dead: metrics.counter('records_dead_total').labels(consumer),
    duplicate: metrics.counter('records_duplicate_total').labels(consumer),
    unhandled: metrics.counter('records_unhandled_total').labels(consumer),
    skipped: metrics.counter('records_skipped_total').labels(consumer),
    moved: metrics.counter('positions_moved_total').labels(consumer),
    assigned: metrics.counter('partitions_assigned_total').labels(consumer),
    revoked: metrics.counter('partitions_revoked_total').labels(consumer),
    timedOut: metrics.counter('drains_timed_out_total').labels(consumer),
  }
}

function histogramsOf(metrics: Metrics, consumer: string) {
  return {
    handler: metrics.histogram('handler_duration_seconds').labels(consumer),
    prepare: metrics.histogram('prepare_duration_seconds').labels(consumer),
    chunk: metrics.histogram('chunk_duration_seconds').labels(consumer),
    chunkRecords: metrics.histogram('chunk_records').labels(consumer),
    drain: metrics.histogram('drain_duration_seconds').labels(consumer),
  }
}
