import { setTimeout as delay } from 'node:timers/promises'
import type { Ledger, Mark } from './ledger.ts'

/** How a request went that was not answered with 201. */
export interface Refusal {
  readonly status: number
  readonly type: string | null
  readonly code: unknown
}

/** Requests to an app, one key's one after the other, until told to stop. */
export class Traffic {
  readonly refusals: Refusal[] = []
  /** Requests that got no answer at all: the process was gone. */
  unanswered = 0
  #url: string
  #stopped = false
  #workers: Promise<void>[] = []
  readonly #ledger: Ledger

  constructor(ledger: Ledger, url: string) {
    this.#ledger = ledger
    this.#url = url
  }

  /** From now on requests go to another app. */
  redirect(url: string): void {
    this.#url = url
  }

  /** Publishes marks of a stream (`spine.direct` or `spine.outbox`), so many keys at a time. */
  start(stream: string, keys: number): void {
    for (let key = 0; key < keys; key += 1) this.#workers.push(this.#run(stream, `k${key}`))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
  }

  async #run(stream: string, key: string): Promise<void> {
    for (let n = 0; !this.#stopped; n += 1) {
      await this.#publish({ stream, key, n })
      // A pace, so that a run is some thousands of requests.
      await delay(5)
    }
  }

  async #publish(mark: Mark): Promise<void> {
    const { stream, key, n } = mark
    this.#ledger.sent(mark)
    try {
      const response = await fetch(`${this.#url}/spine/${stream.replace('spine.', '')}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key, n }),
      })
      const body = (await response.json()) as { code?: unknown }
      if (response.status === 201) this.#ledger.acknowledged(mark)
      else this.refusals.push({ status: response.status, type: response.headers.get('content-type'), code: body.code })
    } catch {
      this.unanswered += 1
    }
  }
}
