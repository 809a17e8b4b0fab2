/** What a relay counts, for its lane. */
export interface RelayMetrics {
  /** Whether this process carries the lane. */
  leading(isLeading: boolean): void
  /** Records were handed to the broker, and the position moved past them, within so many milliseconds. */
  carried(ms: number): void
  /** What became of records: how many the broker took, how many were parked, and how many it refused for good. */
  settled(taken: number, parked: number, refused: number): void
  /** The relay was interrupted. */
  failed(): void
}

/** Counts nothing. */
export const silentRelayMetrics: RelayMetrics = {
  leading: () => {},
  carried: () => {},
  settled: () => {},
  failed: () => {},
}
