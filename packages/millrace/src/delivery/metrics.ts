import type { ChunkOutcome } from './chunk.ts'

/** What delivery counts, for one consumer. */
export interface DeliveryMetrics {
  /** A chunk of so many records was committed. */
  committed(outcome: ChunkOutcome, records: number): void
  failed(): void
  /** Parked records that were handled. */
  retried(records: number): void
  /** A parked record became a dead letter. */
  gaveUp(): void
  /** Records deleted by retention before they were handled. */
  skipped(records: number): void
  /** Chunks rolled back because somebody else had moved the position. */
  positionMoved(): void
  /** A chunk's transaction ended, well or not. */
  chunk(ms: number): void
  /** A handler ended, well or not: one of each transaction's is measured, or a batch's. */
  handler(ms: number): void
  /** A call of `prepare` ended, well or not. */
  prepare(ms: number): void
  /** This process was given a partition. */
  assigned(): void
  /** A partition was given up, after so long; not in time where its chunk was still under way at the bound. */
  revoked(ms: number, inTime: boolean): void
}
