import { within } from '../core/wait.ts'
import type { LiveSocket } from './socket.ts'

/** What a connection may be behind by. */
export interface Patience {
  /** Bytes that wait for the system to take them. @default 1 MiB */
  readonly bytes: number
  /** How long any of them waits. @default 10 s */
  readonly ms: number
}

/** So much is written of what a client missed before the system must have taken it; less where it may be less behind. */
const pacedBytes = 256 * 1024
const pacedShare = 0.5

/**
 * Writes to a connection as long as its client keeps up: neither too many bytes wait for the system to take them, nor any
 * of them for too long.
 */
export class Outlet {
  readonly #socket: LiveSocket
  readonly #patience: Patience
  #written = 0
  /** All up to here had not been taken then. */
  #markedBytes = 0
  #markedAt = performance.now()

  constructor(socket: LiveSocket, patience: Patience) {
    this.#socket = socket
    this.#patience = patience
  }

  /** Whether the client is too far behind to be written to. */
  isBehind(): boolean {
    const { buffered } = this.#socket
    if (buffered > this.#patience.bytes) return true
    const now = performance.now()
    if (this.#written - buffered >= this.#markedBytes) {
      this.#markedBytes = this.#written
      this.#markedAt = now
      return false
    }
    return now - this.#markedAt > this.#patience.ms
  }

  write(frames: Uint8Array): void {
    this.#written += frames.length
    this.#socket.write(frames)
  }

  /** Waits until there is room to go on with a lot. Answers whether there is. */
  async hasRoom(): Promise<boolean> {
    const { bytes, ms } = this.#patience
    if (this.#socket.buffered < Math.min(pacedBytes, bytes * pacedShare)) return true
    return within(ms, () => this.#socket.drained())
  }
}
