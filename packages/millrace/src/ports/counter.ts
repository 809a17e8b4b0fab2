import type { Part } from '../core/lifecycle.ts'

/** How often something was counted within its window. */
export interface Count {
  readonly count: number
  /** How long the window goes on, in milliseconds. */
  readonly leftMs: number
}

/** How a counter is. */
export interface CounterState {
  /** What keeps it from counting, in words without secrets. */
  readonly problem: string | undefined
}

/** Counts for all processes of an app together. */
export interface SharedCounter extends Part {
  /**
   * Counts a key once more, within a window that began when it was first counted. Keys are kept as hashes. Undefined
   * where that is not known soon: whoever asks goes by what he has counted himself. It never throws.
   */
  add(key: string, windowMs: number): Promise<Count | undefined>
  readonly state: CounterState
}
