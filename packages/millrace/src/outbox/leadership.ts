import { waitFor } from '../core/wait.ts'
import type { Database, Lease } from '../ports/database.ts'

/** What one process of the fleet is to do, and what happens when it fails. */
export interface LeadershipOptions {
  readonly database: Database
  /** The session lock: who has it leads. */
  readonly lock: string
  /** How often a process that does not lead tries to, in milliseconds. @default 1,000 */
  readonly candidacyMs?: number | undefined
  /** What the leader does, until the lease is lost or it is to stop. */
  readonly lead: (lease: Lease) => Promise<void>
  /** Waits before the next candidacy; another process may lead meanwhile. */
  readonly recover: (error: unknown) => Promise<void>
}

const defaultCandidacyMs = 1_000

/**
 * Does something in one process of the fleet at a time, by a session lock, and wakes it. The lock keeps others from doing
 * it in vain; what makes it safe must be something else, as a leader that was stopped and resumed believes that it leads.
 */
export class Leadership {
  readonly #options: LeadershipOptions
  readonly #stopping = new AbortController()
  #isLeading = false
  #wake: () => void = () => {}
  #isWoken = false
  #running: Promise<void> | undefined

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  get isLeading(): boolean {
    return this.#isLeading
  }

  /** Aborted when it is to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves when the leader has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.signal()
    await this.#running
  }

  /** Ends the leader's wait, or the next one where it does not wait now. */
  signal(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** Resolves at the next {@link signal}, or after so many milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.#isWoken) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, ms)
      this.#wake = resolve
      await promise
      clearTimeout(timer)
      this.#wake = () => {}
    }
    this.#isWoken = false
  }

  async #run(): Promise<void> {
    const { database, lock, candidacyMs = defaultCandidacyMs, recover } = this.#options
    while (!this.stopping.aborted) {
      try {
        const lease = await database.tryLock(lock)
        if (lease) await this.#lead(lease)
        else await waitFor(candidacyMs, this.stopping)
      } catch (error) {
        await recover(error)
      }
    }
  }

  async #lead(lease: Lease): Promise<void> {
    this.#isLeading = true
    lease.lost.addEventListener('abort', () => this.signal(), { once: true })
    try {
      await this.#options.lead(lease)
    } finally {
      this.#isLeading = false
      await lease.release()
    }
  }
}
