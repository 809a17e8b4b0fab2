import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { LiveSocket } from '../../live/index.ts'

/**
 * A WebSocket whose frames come ready made: they go straight to the connection, past the library, which puts its own (pongs,
 * close) between them whole.
 */
export class FrameSocket implements LiveSocket {
  readonly #socket: WebSocket
  readonly #connection: Duplex

  constructor(socket: WebSocket, connection: Duplex) {
    this.#socket = socket
    this.#connection = connection
  }

  get buffered(): number {
    return this.#connection.writableLength
  }

  write(frames: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#connection.write(frames)
  }

  async drained(): Promise<void> {
    if (!this.#connection.writableNeedDrain || this.#connection.destroyed) return
    const either = new AbortController()
    const ends = ['drain', 'close'].map((event) => once(this.#connection, event, { signal: either.signal }))
    await Promise.race(ends).catch(() => {})
    either.abort()
    await Promise.allSettled(ends)
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }
}
