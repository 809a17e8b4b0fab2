import type { Logger } from '../core/logger.ts'
import type { DeliveryMetrics } from '../delivery/index.ts'
import type { Metrics } from '../observability/index.ts'

/** The delivery metrics of one consumer, in the app's registry. */
export function deliveryMetrics(metrics: Metrics, consumer: string, logger: Logger): DeliveryMetrics {
  const counter = (name: string, help: string) => metrics.counter(name, help, ['consumer']).labels(consumer)
  const handled = counter('records_handled_total', 'Records whose handlers ran and were committed')
  const duplicates = counter('records_duplicate_total', 'Records dropped because their message id was in the inbox')
  const unhandled = counter('records_unhandled_total', 'Records of event types the consumer has no handler for')
  const dead = counter('records_dead_total', 'Records that became dead letters')
  const failed = counter('records_failed_total', 'Attempts at records that failed')
  const parked = counter(
    'records_parked_total',
    'Records parked: they failed, or wait behind one of their key that did',
  )
  const retried = counter('records_retried_total', 'Parked records whose handlers ran and were committed')
  const skipped = counter('records_skipped_total', 'Records deleted by retention before they were handled')
  const moved = counter('positions_moved_total', 'Chunks rolled back because the position had moved meanwhile')
  const gauge = (name: string, help: string) => metrics.gauge(name, help, ['consumer']).labels(consumer)
  const parkedNow = gauge('records_parked', 'Records parked now')
  const breaker = gauge(
    'breaker_open',
    'Whether the consumer waits until something that all of its records need is well again',
  )
  const duration = metrics
    .histogram('chunk_duration_seconds', 'Transactions of chunks, well or not', ['consumer'])
    .labels(consumer)
  const warned = new Set<string>()
  return {
    committed: (outcome) => {
      handled.inc(outcome.handled.length)
      parked.inc(outcome.parked)
      duplicates.inc(outcome.duplicates)
      dead.inc(outcome.deadLetters.length)
      for (const [type, count] of outcome.unhandled) {
        unhandled.inc(count)
        if (!warned.has(type)) logger.warn({ consumer, type }, 'the consumer has no handler for this event type')
        warned.add(type)
      }
    },
    failed: () => failed.inc(),
    retried: (records) => retried.inc(records),
    gaveUp: () => dead.inc(),
    parkedNow: (records) => parkedNow.set(records),
    breaker: (isOpen) => breaker.set(isOpen ? 1 : 0),
    skipped: (records) => skipped.inc(records),
    positionMoved: () => moved.inc(),
    chunk: (ms) => duration.observe(ms / 1_000),
  }
}
