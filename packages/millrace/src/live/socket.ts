/** A client's connection, as the HTTP layer gives it. */
export interface LiveSocket {
  /** Writes whole frames of the WebSocket protocol. The bytes are not copied, and must not change. */
  write(frames: Uint8Array): void
  /** Bytes written and not yet taken by the system. */
  readonly buffered: number
  /** Resolves when all that is buffered has been taken, or the connection has ended. */
  drained(): Promise<void>
  /** Says goodbye and ends; whoever does not answer is cut off after a while. */
  close(code: number, reason: string): void
  /** Ends at once. */
  terminate(): void
}

/** Why the server closes a connection. */
export type CloseReason = keyof typeof closeCodes

/** The codes that connections are closed with: docs/live.md says what a client does about each. Whoever is dead is sent none. */
export const closeCodes = {
  restarting: 1012,
  unavailable: 1013,
  protocol: 4400,
  unauthorized: 4401,
  revoked: 4401,
  slow: 4408,
  expired: 4419,
  crowded: 4429,
  dead: 1006,
} as const

/** Every reason there is to close a connection. */
export const closeReasons = Object.keys(closeCodes) as readonly CloseReason[]
