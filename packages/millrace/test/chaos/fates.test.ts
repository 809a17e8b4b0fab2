import { expect, test } from 'vitest'
import type { Mark } from '../faults/ledger.ts'
import { consumerNames, type Doomed, doomedOf, fateOf } from './fates.ts'

const seed = 1
const stream = 'chaos.direct'
const keys = Array.from({ length: 300 }, (_, nth) => `k${nth}`)
const latest: readonly Mark[] = keys.map((key) => ({ stream, key, n: 39 }))

test('most marks go well, some fail, a few always', () => {
  const fates = latest.flatMap(({ key, n }) =>
    Array.from({ length: n + 1 }, (_, at) => fateOf(seed, 'marks', { stream, key, n: at })),
  )
  const count = (fate: string) => fates.filter((found) => found === fate).length
  expect(count('well')).toBeGreaterThan(0.9 * fates.length)
  expect(count('flaky')).toBeGreaterThan(count('hopeless'))
  expect(count('hopeless')).toBeGreaterThan(0)
})

test('of each key, the first hopeless record is given up; what waits behind it is not, nor are echoes of it', () => {
  const doomed = doomedOf(seed, latest)
  const of = (consumer: string, key: string) => doomed.filter((one) => one.consumer === consumer && one.key === key)
  for (const consumer of consumerNames) expect(doomed.some((one) => one.consumer === consumer)).toBe(true)
  for (const key of keys) {
    for (const consumer of consumerNames) {
      const [first, ...others] = of(consumer, key)
      expect(others).toEqual([])
      const [held] = of('marks', key)
      if (first && held && consumer !== 'marks') expect(first.n).toBeLessThan(held.n)
      if (first) expect(isFirst(first)).toBe(true)
    }
  }
})

test('what was not published is not given up', () => {
  const [doomed] = doomedOf(seed, latest)
  expect(doomed).toBeDefined()
  const before = { stream, key: doomed?.key ?? '', n: (doomed?.n ?? 0) - 1 }
  expect(doomedOf(seed, [before]).filter(({ consumer }) => consumer === doomed?.consumer)).toEqual([])
})

function isFirst({ consumer, n, ...key }: Doomed): boolean {
  const fates = Array.from({ length: n + 1 }, (_, at) => fateOf(seed, consumer, { ...key, n: at }))
  return fates.indexOf('hopeless') === n
}
