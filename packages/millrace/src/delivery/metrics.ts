import type { ChunkOutcome } from './chunk.ts'

/** What delivery counts, for one consumer. */
export interface DeliveryMetrics {
  committed(outcome: ChunkOutcome): void
  failed(): void
  /** Parked records that were handled. */
  retried(records: number): void
  /** A parked record became a dead letter. */
  gaveUp(): void
  /** How many records are parked. */
  parkedNow(records: number): void
  /** The breaker has opened or closed. */
  breaker(isOpen: boolean): void
  /** Records deleted by retention before they were handled. */
  skipped(records: number): void
  /** Chunks rolled back because somebody else had moved the position. */
  positionMoved(): void
  /** A chunk's transaction ended, well or not. */
  chunk(ms: number): void
}
