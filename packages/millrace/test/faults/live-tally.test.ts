import { expect, test } from 'vitest'
import { LiveTally } from './live-tally.ts'

test('a tally tells what is missing, repeated and out of order', () => {
  const of = (total: number, ...numbers: readonly (number | 'reset')[]) => {
    const tally = new LiveTally()
    for (const n of numbers) {
      if (n === 'reset') tally.reset()
      else tally.take(n)
    }
    return tally.findings(total)
  }
  const flawless = { resets: 0, missing: 0, repeated: 0, misordered: 0 }
  expect(of(3, 1, 2, 3)).toEqual({ ...flawless, handed: 3 })
  expect(of(4, 1, 2, 4)).toEqual({ ...flawless, handed: 3, missing: 1 })
  expect(of(4, 1, 2)).toEqual({ ...flawless, handed: 2, missing: 2 })
  expect(of(3, 1, 2, 2, 3)).toEqual({ ...flawless, handed: 4, repeated: 1 })
  expect(of(3, 1, 3, 2)).toEqual({ ...flawless, handed: 3, misordered: 1 })
  expect(of(9, 1, 'reset', 8, 9)).toEqual({ ...flawless, handed: 3, resets: 1 })
  expect(of(9, 1, 'reset', 7, 9)).toEqual({ ...flawless, handed: 3, resets: 1, missing: 1 })
})
