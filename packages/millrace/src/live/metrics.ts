import type { ResetReason } from './client.ts'
import type { CloseReason } from './socket.ts'

/** Told what happens to live clients. */
export interface LiveMetrics {
  /** Frames were written to clients of a channel. */
  sent(channel: string, frames: number, bytes: number): void
  /** A client came with a token, and was given what it missed, or told to load everything anew. */
  recovered(outcome: 'resumed' | 'reset'): void
  reset(reason: ResetReason): void
  closed(reason: CloseReason): void
  /** What had come in at once was written to all whom it is for. */
  flushed(ms: number): void
}
