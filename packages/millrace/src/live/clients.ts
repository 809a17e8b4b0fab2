import type { LiveClient } from './client.ts'

/** How often clients are looked after. */
const everyMs = 5_000
/** How often a client is asked whether it lives, and after how long without a word it is taken for dead. */
const pingEveryMs = 25_000
const deadAfterMs = 60_000
/** Longer than it takes to tell whom a token is of. */
const revocationMs = 60_000
/** Clients are sent away over a time, so that they do not all come to another process at once. */
const farewell = { mostMs: 5_000, everyMs: 20, atOnce: 20 }

/** The connections of this process. */
export class Clients {
  readonly #all = new Set<LiveClient>()
  readonly #byUser = new Map<string, Set<LiveClient>>()
  /** When users were revoked, by `performance.now()`. */
  readonly #revoked = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #pingedAt = 0

  get size(): number {
    return this.#all.size
  }

  get users(): number {
    return this.#byUser.size
  }

  /** How many connections each channel has. */
  get byChannel(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { channel } of this.#all) counts[channel] = (counts[channel] ?? 0) + 1
    return counts
  }

  countOf(userId: string): number {
    return this.#byUser.get(userId)?.size ?? 0
  }

  add(client: LiveClient): void {
    this.#all.add(client)
    const own = this.#byUser.get(client.userId) ?? new Set()
    this.#byUser.set(client.userId, own.add(client))
    this.#timer ??= setInterval(() => this.#lookAfter(), everyMs).unref()
  }

  delete(client: LiveClient): void {
    this.#all.delete(client)
    const own = this.#byUser.get(client.userId)
    if (own?.delete(client) && own.size === 0) this.#byUser.delete(client.userId)
    if (this.#all.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Closes a user's connections, and those that are being opened with a token from before. */
  revoke(userId: string): void {
    const now = performance.now()
    this.#revoked.delete(userId)
    this.#revoked.set(userId, now)
    for (const [user, at] of this.#revoked) {
      if (now - at <= revocationMs) break
      this.#revoked.delete(user)
    }
    for (const client of [...(this.#byUser.get(userId) ?? [])]) client.close('revoked', 'revoked')
  }

  /** Whether a user was revoked after a time of the last minute. */
  isRevoked(userId: string, since: number): boolean {
    return (this.#revoked.get(userId) ?? Number.NEGATIVE_INFINITY) >= since
  }

  /** Has all of them come again at once: there is another history. */
  closeAll(text: string): void {
    for (const client of [...this.#all]) client.close('restarting', text)
  }

  /** Sends all of them to another process, some at a time. */
  async farewell(): Promise<void> {
    const { mostMs, everyMs, atOnce } = farewell
    const clients = [...this.#all]
    const share = Math.max(atOnce, Math.ceil((clients.length * everyMs) / mostMs))
    for (let first = 0; first < clients.length; first += share) {
      if (first > 0) await new Promise((resolve) => setTimeout(resolve, everyMs))
      for (const client of clients.slice(first, first + share)) client.close('restarting', 'going away: resume')
    }
  }

  #lookAfter(): void {
    const now = performance.now()
    const isPingDue = now - this.#pingedAt >= pingEveryMs
    if (isPingDue) this.#pingedAt = now
    for (const client of [...this.#all]) {
      if (now - client.heardAt > deadAfterMs) client.close('dead', '')
      else if (isPingDue) client.ping()
      else client.look()
    }
  }
}
