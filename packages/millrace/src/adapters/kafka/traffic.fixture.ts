import { expect } from 'vitest'
import { isMillraceError } from '../../core/errors.ts'
import { Signal } from '../../core/signal.ts'
import { placeOf, record, type Stage } from './kafka.fixture.ts'

/** Records of a call. */
const atOnce = 3
const progressMs = 45_000

interface Acknowledged {
  readonly key: string
  readonly value: string
  readonly partition: number
  readonly offset: number
}

/**
 * Callers that produce without end, each to a key of its own, the next call when the one before has its answer. What is
 * not confirmed they take note of and go on behind it.
 */
export class Traffic {
  readonly #stage: Stage
  readonly #topic: string
  readonly #keys: readonly string[]
  readonly #acknowledged: Acknowledged[] = []
  readonly #calls = new Map<string, number>()
  readonly #changed = new Signal()
  readonly #callers: Promise<void>[]
  #isEnding = false
  unconfirmed = 0

  constructor(stage: Stage, topic: string, callers: number) {
    this.#stage = stage
    this.#topic = topic
    this.#keys = Array.from({ length: callers }, (_, n) => `key ${n}`)
    this.#callers = this.#keys.map((key) => this.#call(key))
  }

  /** Resolves when calls of every key have been acknowledged that began after this one. */
  progress(): Promise<void> {
    const enough = new Map(this.#keys.map((key) => [key, this.#callsOf(key) + 2]))
    return this.#until(() => this.#keys.every((key) => this.#callsOf(key) >= (enough.get(key) ?? 0)))
  }

  /** Resolves when so many more records have been acknowledged. */
  more(records: number): Promise<void> {
    const enough = this.#acknowledged.length + records
    return this.#until(() => this.#acknowledged.length >= enough)
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#callers)
  }

  /** Everything that was acknowledged is where it was said to be; nothing is there twice, or before its time. */
  async expectExact(): Promise<void> {
    const read = await this.#stage.read(this.#topic)
    for (const { key, value, partition, offset } of this.#acknowledged) {
      const found = read[partition]?.[offset]
      expect({ key: String(found?.key), value: String(found?.value), offset: found?.offset }).toEqual({
        key,
        value,
        offset,
      })
    }
    for (const key of this.#keys) {
      const numbers = read.flat().flatMap((one) => (String(one.key) === key ? [Number(one.value)] : []))
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    }
    expect(read.flat().length).toBeGreaterThanOrEqual(this.#acknowledged.length)
    expect(read.flat().length).toBeLessThanOrEqual(this.#acknowledged.length + this.unconfirmed)
  }

  async #until(isEnough: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(progressMs)
    while (!isEnough()) {
      if (late.aborted) throw new Error(`no progress within ${progressMs} ms`)
      await this.#changed.wait(1_000)
    }
  }

  #callsOf(key: string): number {
    return this.#calls.get(key) ?? 0
  }

  async #call(key: string): Promise<void> {
    for (let n = 0; !this.#isEnding; n += atOnce) {
      const values = Array.from({ length: atOnce }, (_, nth) => String(n + nth))
      try {
        const results = await this.#stage.producer.produce(values.map((value) => record(this.#topic, key, value)))
        for (const [nth, value] of values.entries()) {
          this.#acknowledged.push({ key, value, ...placeOf(results[nth]) })
        }
        this.#calls.set(key, this.#callsOf(key) + 1)
        this.#changed.notify()
      } catch (error) {
        if (!isMillraceError(error, 'BROKER_UNAVAILABLE')) throw error
        this.unconfirmed += atOnce
      }
    }
  }
}
