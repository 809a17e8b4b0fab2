/** What direct publishes count. */
export interface DirectMetrics {
  /** A request was answered, or failed: how many of its records were taken and how many not, and how long it took. */
  answered(topic: string, outcome: { readonly taken: number; readonly failed: number; readonly ms: number }): void
  /** A publish was refused before it became part of a request. */
  refused(topic: string): void
}

/** Counts nothing. */
export const silentDirectMetrics: DirectMetrics = { answered: () => {}, refused: () => {} }
