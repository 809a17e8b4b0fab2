/** What is counted of timers. */
export interface TimerMetrics {
  /** Timers fired, each so many milliseconds after it was due. */
  fired(lateMs: readonly number[]): void
  /** How many are pending. */
  pending(timers: number): void
}

/** What is counted of one schedule. */
export interface ScheduleMetrics {
  /** A run was committed. */
  ran(ms: number, skipped: number): void
  failed(ms: number): void
}
