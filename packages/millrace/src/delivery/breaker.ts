import { waitFor } from '../core/wait.ts'
import type { BrokerRecord } from '../ports/broker.ts'

/** How many of the keys handled last count. */
const windowSize = 20
const firstPauseMs = 250
const longestPauseMs = 10_000
/** After so long, records that fail are parked all the same, a probe's at a time. */
const giveUpAfterMs = 15 * 60_000

/**
 * Tells a consumer whose every record fails from one that has a few bad records: when more than half of the 20 keys it
 * handled last have failed, something that all of them need is down. While it is open, nothing is parked, counted or given
 * up; a pause, then a probe, until one record succeeds.
 *
 * One for each consumer and process: another process finds out by itself, within as many records.
 */
export class Breaker {
  /** Whether the keys handled last have failed, the latest last. */
  readonly #failed = new Map<string, boolean>()
  readonly #onChange: (isOpen: boolean) => void
  #openSince: number | undefined
  #closed = new AbortController()
  #probeAt = 0
  #pauseMs = firstPauseMs

  /** @param onChange told when it opens and closes */
  constructor(onChange: (isOpen: boolean) => void = () => {}) {
    this.#onChange = onChange
  }

  get isOpen(): boolean {
    return this.#openSince !== undefined
  }

  /** Open for so long that waiting for everything to be well again is not the answer. */
  get hasGivenUp(): boolean {
    return this.#openSince !== undefined && performance.now() - this.#openSince > giveUpAfterMs
  }

  /** Keys whose records were handled. One that succeeds closes it. */
  succeeded(keys: readonly string[]): void {
    if (keys.length === 0) return
    for (const key of keys.slice(-windowSize)) this.#note(key, false)
    if (!this.isOpen) return
    this.#openSince = undefined
    this.#failed.clear()
    this.#closed.abort()
    this.#onChange(false)
  }

  failed(key: string): void {
    this.#note(key, true)
    if (this.isOpen || !this.#isTooMuch()) return
    this.#openSince = performance.now()
    this.#closed = new AbortController()
    this.#pauseMs = firstPauseMs
    this.#scheduleProbe()
    this.#onChange(true)
  }

  /** Resolves when it is closed, or when the caller may probe: one at a time, with longer and longer pauses. */
  async mayProbe(signal: AbortSignal): Promise<void> {
    while (this.isOpen && !signal.aborted) {
      const leftMs = this.#probeAt - performance.now()
      if (leftMs <= 0) return this.#scheduleProbe()
      await waitFor(leftMs, AbortSignal.any([signal, this.#closed.signal]))
    }
  }

  #scheduleProbe(): void {
    this.#probeAt = performance.now() + this.#pauseMs * (0.5 + Math.random() / 2)
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2)
  }

  #note(key: string, hasFailed: boolean): void {
    this.#failed.delete(key)
    this.#failed.set(key, hasFailed)
    for (const oldest of this.#failed.keys()) {
      if (this.#failed.size <= windowSize) break
      this.#failed.delete(oldest)
    }
  }

  #isTooMuch(): boolean {
    let failed = 0
    for (const hasFailed of this.#failed.values()) if (hasFailed) failed += 1
    return failed > windowSize / 2
  }
}

/** What the breaker tells records apart by; one without a key is its own. */
export function breakerKeyOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { key, offset }: Pick<BrokerRecord, 'key' | 'offset'>,
): string {
  return key === null ? `${topic}/${partition}/${offset}` : `${topic} ${Buffer.from(key).toString('latin1')}`
}
