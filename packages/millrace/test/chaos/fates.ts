import { hash } from 'node:crypto'
import type { Mark } from '../faults/ledger.ts'

/** The consumers of the flow. */
export const consumerNames = ['marks', 'echoes', 'batches'] as const
export type ConsumerName = (typeof consumerNames)[number]

/** How handling a mark goes: well, badly twice and then well, or badly until the handlers are mended. */
export type Fate = 'well' | 'flaky' | 'hopeless'

const hopelessOneIn = 500
const flakyOneIn = 60

/** What is to become of a mark at a consumer: a function of the seed alone, so that the end of a run can be foretold. */
export function fateOf(seed: number, consumer: ConsumerName, mark: Mark): Fate {
  const drawn = draw(seed, `fate ${consumer}`, mark)
  if (drawn < 1 / hopelessOneIn) return 'hopeless'
  return drawn < 1 / hopelessOneIn + 1 / flakyOneIn ? 'flaky' : 'well'
}

/** Whether a mark that fails does so in `prepare`, before its handler. */
export function failsEarly(seed: number, mark: Mark): boolean {
  return draw(seed, 'place', mark) < 0.5
}

/** From 0, below 1: the same each time for a seed, a purpose and a mark. */
export function draw(seed: number, purpose: string, { stream, key, n }: Mark): number {
  return Number.parseInt(hash('md5', JSON.stringify([seed, purpose, stream, key, n]), 'hex').slice(0, 8), 16) / 2 ** 32
}

/** A record that is to be given up: its mark, and by whom. */
export interface Doomed extends Mark {
  readonly consumer: ConsumerName
}

/**
 * The records that are dead letters when all is handled and nothing is mended: the first hopeless one of each key. What
 * waits behind it is not handled, so neither does it fail, nor are there echoes of it.
 *
 * @param latest the last mark of each key; all before it, from 0, were published
 */
export function doomedOf(seed: number, latest: readonly Mark[]): Doomed[] {
  return latest.flatMap(({ n, ...key }) => {
    const firstHopeless = (consumer: ConsumerName, end: number) => {
      for (let at = 0; at < end; at += 1) if (fateOf(seed, consumer, { ...key, n: at }) === 'hopeless') return at
      return undefined
    }
    const echoed = firstHopeless('marks', n + 1) ?? n + 1
    const ends = { marks: n + 1, echoes: echoed, batches: echoed }
    return consumerNames.flatMap((consumer) => {
      const at = firstHopeless(consumer, ends[consumer])
      return at === undefined ? [] : [{ consumer, ...key, n: at }]
    })
  })
}
