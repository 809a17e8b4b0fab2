import type { Metrics } from '../observability/index.ts'
import type { ScheduleMetrics, TimerMetrics } from '../time/index.ts'

/** The metrics of timers, in the app's registry. */
export function timerMetrics(metrics: Metrics): TimerMetrics {
  const fired = metrics.counter('timers_fired_total', 'Timers whose events were moved to the outbox')
  const lateness = metrics.histogram('timer_lateness_seconds', 'How long after they were due timers fired')
  const pending = metrics.gauge('timers_pending', 'Timers to fire, as the process that fires them knows; elsewhere 0')
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
  const counter = (name: string, help: string) => metrics.counter(name, help, ['schedule']).labels(schedule)
  const runs = counter('schedule_runs_total', 'Runs that were committed')
  const failures = counter('schedule_failures_total', 'Runs that failed and were rolled back')
  const skipped = counter('schedule_ticks_skipped_total', 'Ticks left out because they came while nothing could run')
  const duration = metrics.histogram('schedule_duration_seconds', 'Runs, well or not', ['schedule']).labels(schedule)
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
