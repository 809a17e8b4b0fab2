import type { LiveClient } from './client.ts'
import type { Update } from './history.ts'
import type { LiveMetrics } from './metrics.ts'

/** Frames are joined up to so many bytes. */
const joinedBytes = 64 * 1024

/** Who is given which stream's updates. */
export class Audiences {
  readonly #metrics: LiveMetrics
  readonly #clients = new Map<string, Set<LiveClient>>()

  constructor(metrics: LiveMetrics) {
    this.#metrics = metrics
  }

  join(client: LiveClient): void {
    const joined = this.#clients.get(client.stream) ?? new Set()
    this.#clients.set(client.stream, joined.add(client))
  }

  leave(client: LiveClient): void {
    const joined = this.#clients.get(client.stream)
    if (joined?.delete(client) && joined.size === 0) this.#clients.delete(client.stream)
  }

  /** Writes updates, in order, to all whom they are for: those of one stream together, and the same bytes to each. */
  deliver(updates: readonly Update[]): void {
    const wanted = updates.filter(({ stream }) => this.#clients.has(stream))
    for (const [stream, ofStream] of Map.groupBy(wanted, ({ stream }) => stream)) {
      for (const piece of cut(ofStream)) this.#deliverTo(this.#clients.get(stream) ?? new Set(), piece)
    }
  }

  #deliverTo(clients: ReadonlySet<LiveClient>, updates: readonly Update[]): void {
    const frames = updates.length === 1 && updates[0] ? updates[0].frame : joined(updates)
    const [first] = clients
    if (first) this.#metrics.sent(first.channel, updates.length * clients.size, frames.length * clients.size)
    for (const client of clients) client.deliver(updates, frames)
  }
}

function joined(updates: readonly Update[]): Buffer {
  return Buffer.concat(updates.map(({ frame }) => frame))
}

function cut(updates: readonly Update[]): Update[][] {
  const pieces: Update[][] = []
  let piece: Update[] = []
  let bytes = joinedBytes
  for (const update of updates) {
    if (bytes >= joinedBytes) {
      piece = []
      bytes = 0
      pieces.push(piece)
    }
    piece.push(update)
    bytes += update.frame.length
  }
  return pieces
}
