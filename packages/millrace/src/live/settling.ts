import type { Logger } from '../core/logger.ts'
import { waitFor } from '../core/wait.ts'
import type { LiveClient } from './client.ts'
import type { Visibility } from './visibility.ts'

const everyMs = 250

/** What has been relayed to the live topic for certain. */
export interface Relayed {
  /** All updates that this sees … */
  readonly seen: Visibility
  /** … are below this offset. */
  readonly end: number
}

interface SettlingOptions {
  readonly look: () => Promise<Relayed>
  /** Whether the history comes to an offset, soon. */
  readonly reached: (offset: number) => Promise<boolean>
  readonly logger: Logger
}

/**
 * Waits for clients that were given data by a snapshot: what that had seen is left out for them only until it has come by.
 * How far the relay is, is asked for all of them together, and not at all while there are none.
 */
export class Settling {
  readonly #options: SettlingOptions
  readonly #waiting = new Map<LiveClient, Visibility>()
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: SettlingOptions) {
    this.#options = options
  }

  add(client: LiveClient, seen: Visibility): void {
    this.#waiting.set(client, seen)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  delete(client: LiveClient): void {
    this.#waiting.delete(client)
  }

  async stop(): Promise<void> {
    this.#waiting.clear()
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (this.#waiting.size > 0) {
      await this.#settle().catch((error: unknown) => {
        this.#options.logger.debug({ err: error }, 'how far the relay is could not be asked; it is tried again')
      })
      if (this.#waiting.size > 0) await waitFor(everyMs, signal)
    }
  }

  async #settle(): Promise<void> {
    const { seen, end } = await this.#options.look()
    const settled = [...this.#waiting].filter(([, own]) => seen.covers(own)).map(([client]) => client)
    if (settled.length === 0 || !(await this.#options.reached(end - 1))) return
    for (const client of settled) if (this.#waiting.delete(client)) client.settled()
  }
}
