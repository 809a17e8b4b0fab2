import { setTimeout as delay } from 'node:timers/promises'
import type { Ledger, Mark } from '../faults/ledger.ts'
import { draw } from './fates.ts'

/** What producers are run with. */
export interface ProducerOptions {
  readonly seed: number
  /** By stream. */
  readonly ledgers: ReadonlyMap<string, Ledger>
  /** Where requests are taken at the moment. */
  readonly urls: () => readonly string[]
}

const workersPerStream = 5
/** A key has so many marks; then comes a new one: one that is held by a hopeless record stops no producer. */
const marksPerKey = 40
const paceMs = 8
/** After so long without an answer, another app is asked. */
const answerWithinMs = 3_000
const retryAfterMs = 50
/** Some that are acknowledged are sent again, as by a producer that lost the answer. */
const doubtOneIn = 50

/**
 * Producers with a ledger. Each has one key at a time, and sends a mark until it is acknowledged before it sends the next:
 * what it must see is that each has one effect, in this order.
 */
export class Producers {
  /** Requests that were not answered with 201. */
  refused = 0
  readonly #options: ProducerOptions
  #isOver = false
  #hasGivenUp = false
  #workers: Promise<void>[] = []

  constructor(options: ProducerOptions) {
    this.#options = options
  }

  start(): void {
    for (const [stream, ledger] of this.#options.ledgers) {
      for (let nth = 0; nth < workersPerStream; nth += 1) this.#workers.push(this.#run(stream, ledger, nth))
    }
  }

  /** Begins no more marks; resolves when those begun are acknowledged. */
  async finish(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#workers)
  }

  /** Ends, whatever was not acknowledged. */
  async giveUp(): Promise<void> {
    this.#hasGivenUp = true
    await this.finish()
  }

  async #run(stream: string, ledger: Ledger, nth: number): Promise<void> {
    const door = new Door(this.#options.urls, nth)
    for (let place = 0; !this.#isOver; place += 1) {
      const mark = { stream, key: `${nth}.${Math.floor(place / marksPerKey)}`, n: place % marksPerKey }
      ledger.sent(mark)
      if (!(await this.#deliver(mark, door))) return
      ledger.acknowledged(mark)
      if (draw(this.#options.seed, 'doubt', mark) < 1 / doubtOneIn) await this.#deliver(mark, door)
      await delay(paceMs)
    }
  }

  /** Answers whether it was acknowledged at last. */
  async #deliver(mark: Mark, door: Door): Promise<boolean> {
    while (!(await door.isAcknowledged(mark))) {
      if (this.#hasGivenUp) return false
      this.refused += 1
      door.next()
      await delay(retryAfterMs)
    }
    return true
  }
}

/** The app that a producer speaks to: the same one, as long as it answers. */
class Door {
  readonly #urls: () => readonly string[]
  #nth: number

  constructor(urls: () => readonly string[], nth: number) {
    this.#urls = urls
    this.#nth = nth
  }

  next(): void {
    this.#nth += 1
  }

  async isAcknowledged({ stream, key, n }: Mark): Promise<boolean> {
    const urls = this.#urls()
    const url = urls[this.#nth % urls.length]
    if (url === undefined) return false
    try {
      const response = await fetch(`${url}/chaos/${stream.replace('chaos.', '')}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key, n }),
        signal: AbortSignal.timeout(answerWithinMs),
      })
      await response.arrayBuffer()
      return response.status === 201
    } catch {
      return false
    }
  }
}
