import { setTimeout as delay } from 'node:timers/promises'
import type { Broker, OutgoingRecord } from '../../src/ports/broker.ts'
import type { Ledger } from '../faults/ledger.ts'
import { directMarks } from './flow.ts'

const everyMs = 300
const encoder = new TextEncoder()

/** Values and headers that nobody can decode. */
const unreadable: readonly Pick<OutgoingRecord, 'value' | 'headers'>[] = [
  { value: encoder.encode('not JSON'), headers: [] },
  { value: encoder.encode('{"key":"k","n":"not a number"}'), headers: [] },
  { value: null, headers: [] },
  { value: encoder.encode('{}'), headers: [['ce_type', encoder.encode('Unknown')]] },
]

/**
 * A program of somebody else's, past the framework: it puts records that nobody can decode among the marks, with keys of
 * marks, so that whoever held a key for them would hold the marks.
 */
export class ForeignProducer {
  /** Records the broker has confirmed; of others, nothing is known. */
  confirmed = 0
  readonly #broker: Broker
  readonly #ledger: Ledger
  readonly #ending = new AbortController()
  #running: Promise<void> | undefined

  constructor(broker: Broker, ledger: Ledger) {
    this.#broker = broker
    this.#ledger = ledger
  }

  start(): void {
    this.#running = this.#run()
  }

  async finish(): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    for (let nth = 0; !signal.aborted; nth += 1) {
      await this.#produce(nth).catch(() => {})
      await delay(everyMs, undefined, { signal }).catch(() => {})
    }
  }

  async #produce(nth: number): Promise<void> {
    const latest = this.#ledger.latest()
    const key = latest[nth % Math.max(1, latest.length)]?.key ?? 'foreign'
    const what = unreadable[nth % unreadable.length]
    if (!what) return
    const [result] = await this.#broker.produce([{ topic: directMarks.name, key: encoder.encode(key), ...what }])
    if (result && 'offset' in result) this.confirmed += 1
  }
}
