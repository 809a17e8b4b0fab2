import type { Metrics } from '../observability/index.ts'
import type { ScheduleMetrics, TimerMetrics } from '../time/index.ts'

/** The metrics of timers, in the app's registry. */
export function timerMetrics(metrics: Metrics): TimerMetrics {
  const fired = metrics.counter('timers_fired_total')
  const lateness = metrics.histogram('timer_lateness_seconds')
  const pending = metrics.gauge('timers_pending')
  return {
    fired: (lateMs) => {
      fired.inc(lateMs.length)
      for (const ms of lateMs) lateness.observe(ms / 1_000)
    },
    pending: (timers) => pending.set(timers),
  }
}

/** The metrics of one schedule, in the app's registry. */
export function scheduleMetrics(metrics: Metrics, schedule: string): ScheduleMetrics {
  const runs = metrics.counter('schedule_runs_total').labels(schedule)
  const failures = metrics.counter('schedule_failures_total').labels(schedule)
  const skipped = metrics.counter('schedule_ticks_skipped_total').labels(schedule)
  const duration = metrics.histogram('schedule_duration_seconds').labels(schedule)
  return {
    ran: (ms, skippedTicks) => {
      runs.inc()
      skipped.inc(skippedTicks)
      duration.observe(ms / 1_000)
    },
    failed: (ms) => {
      failures.inc()
      duration.observe(ms / 1_000)
    },
  }
}
