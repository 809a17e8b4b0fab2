import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer } from 'millrace'
import type { Result, Round } from '../harness/definition.ts'
import { createBenchApp } from './bench-app.ts'
import { type PaymentsTopic, paymentsModule, paymentsTopic, withClient } from './payments.ts'

/** A drain that takes longer has got stuck. */
const patienceMs = 5 * 60_000
const lookEveryMs = 2

/** Follows a drain. The side that drains says what it is given, just before it writes it. */
export class Progress {
  readonly #records: number
  readonly #begun = performance.now()
  readonly #allTaken = Promise.withResolvers<void>()
  #firstAt: number | undefined
  #taken = 0

  constructor(records: number) {
    this.#records = records
  }

  /** How many records have been handed to what writes them. */
  get taken(): number {
    return this.#taken
  }

  take(records = 1): void {
    this.#firstAt ??= performance.now()
    this.#taken += records
    if (this.#taken >= this.#records) this.#allTaken.resolve()
  }

  /**
   * Resolves when every record's row can be seen from another connection.
   *
   * Measured from when the first record is handed to what writes it: what comes before is the start of an app on one
   * side (migrations, HTTP, joining the group), and of nothing but a few connections on the other. It is told apart, as `start`.
   */
  async end(url: string): Promise<Result> {
    const tooLate = AbortSignal.timeout(patienceMs)
    await Promise.race([this.#allTaken.promise, delay(patienceMs, undefined, { ref: false })])
    const endedAt = await withClient(url, async (client) => {
      while (!tooLate.aborted) {
        const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM payment')
        if (Number(rows[0]?.count) === this.#records) return performance.now()
        await delay(lookEveryMs)
      }
      throw new Error(`after ${patienceMs} ms ${this.#taken} of ${this.#records} records were taken`)
    })
    const firstAt = this.#firstAt ?? endedAt
    return { values: { rate: this.#records / ((endedAt - firstAt) / 1_000), start: firstAt - this.#begun } }
  }
}

/** The metrics of a drain. */
export const drainMetrics = [
  { name: 'rate', unit: 'records/s' },
  { name: 'start', unit: 'ms to the first record' },
]

/** Makes the consumer of a drain, which says what it is given. */
export type DrainConsumer = (topic: PaymentsTopic, progress: Progress) => Consumer

/** Drains the log by a consumer of Millrace. */
export async function drain(round: Round, consumer: DrainConsumer): Promise<Result> {
  const progress = new Progress(round.records)
  const topic = paymentsTopic(round)
  const app = createBenchApp(round, paymentsModule(topic, [consumer(topic, progress)]))
  await app.start()
  try {
    return await progress.end(round.url)
  } finally {
    await app.stop()
  }
}
