import { closeReasons, type LiveMetrics, type LiveUpdates, resetReasons } from '../live/index.ts'
import type { Metrics } from '../observability/index.ts'

/** The metrics of live connections, in the app's registry. */
export function liveMetrics(
  metrics: Metrics,
  channels: readonly string[],
  stats: () => LiveUpdates['stats'],
): LiveMetrics {
  const frames = metrics.counter('live_frames_total')
  const bytes = metrics.counter('live_sent_bytes_total')
  const recoveries = metrics.counter('live_recoveries_total')
  const resets = metrics.counter('live_resets_total')
  const closes = metrics.counter('live_closes_total')
  const flush = metrics.histogram('live_flush_duration_seconds')
  // A series that begins with its first increment hides that one from `rate`.
  for (const channel of channels) for (const counter of [frames, bytes]) counter.inc({ channel }, 0)
  for (const outcome of ['resumed', 'reset']) recoveries.inc({ outcome }, 0)
  for (const reason of resetReasons) resets.inc({ reason }, 0)
  for (const reason of closeReasons) closes.inc({ reason }, 0)
  metrics.onScrape(() => tellStats(metrics, channels, stats()))
  return {
    sent: (channel, sentFrames, sentBytes) => {
      frames.inc({ channel }, sentFrames)
      bytes.inc({ channel }, sentBytes)
    },
    recovered: (outcome) => recoveries.inc({ outcome }),
    reset: (reason) => resets.inc({ reason }),
    closed: (reason) => closes.inc({ reason }),
    flushed: (ms) => flush.observe(ms / 1_000),
  }
}

function tellStats(metrics: Metrics, channels: readonly string[], stats: LiveUpdates['stats']): void {
  for (const channel of channels) metrics.gauge('live_connections').set({ channel }, stats.channels[channel] ?? 0)
  metrics.gauge('live_users').set(stats.users)
  metrics.gauge('live_tail_lag_records').set(stats.lag)
  metrics.gauge('live_history_bytes').set(stats.historyBytes)
}
