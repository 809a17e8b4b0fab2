import { expect, test } from 'vitest'
import { flawless, Ledger, type Mark, repetitionsIn } from './ledger.ts'

function marks(...names: readonly string[]): Mark[] {
  return names.map((name) => ({ stream: 's', key: name.slice(0, 1), n: Number(name.slice(1)) }))
}

function ledger(...names: readonly string[]): Ledger {
  const ledger = new Ledger()
  for (const mark of marks(...names)) {
    ledger.sent(mark)
    ledger.acknowledged(mark)
  }
  return ledger
}

test('all applied once and in order of their keys is well, however keys are mixed', () => {
  expect(ledger('a0', 'b0', 'a1', 'b1').examine(marks('b0', 'b1', 'a0', 'a1'))).toEqual(flawless)
})

test.each([
  ['one is missing', ['a0', 'a1'], { lost: 1 }],
  ['one is applied twice in a row', ['a0', 'a1', 'a1', 'a2'], { twice: 1 }],
  ['a whole chunk is applied again', ['a0', 'a1', 'a0', 'a1', 'a2'], { twice: 2 }],
  ['two are reversed', ['a0', 'a2', 'a1'], { misordered: 1 }],
  ['the first comes last', ['a1', 'a2', 'a0'], { misordered: 1 }],
  ['one was never published', ['a0', 'a1', 'a2', 'a3'], { unknown: 1 }],
])('%s: it shows', (_, applied, found) => {
  expect(ledger('a0', 'a1', 'a2').examine(marks(...applied))).toEqual({ ...flawless, ...found })
})

test('what was not acknowledged may be missing or there, and not twice', () => {
  const published = ledger('a0', 'a1')
  const [unsure] = marks('a2')
  if (unsure) published.sent(unsure)
  expect(published.examine(marks('a0', 'a1'))).toEqual(flawless)
  expect(published.examine(marks('a0', 'a1', 'a2'))).toEqual(flawless)
  expect(published.examine(marks('a0', 'a1', 'a2', 'a2'))).toEqual({ ...flawless, twice: 1 })
  expect(published.examine(marks('a0', 'a2', 'a1'))).toEqual({ ...flawless, misordered: 1 })
})

test('repetitions in a log are counted, with how far back they go', () => {
  expect(repetitionsIn(marks('a0', 'b0', 'a1'))).toEqual({ records: 3, again: 0, stepBack: 0 })
  expect(repetitionsIn(marks('a0', 'a1', 'a1', 'a2'))).toEqual({ records: 4, again: 1, stepBack: 0 })
  expect(repetitionsIn(marks('a0', 'a1', 'a2', 'b0', 'a0', 'a1'))).toEqual({ records: 6, again: 2, stepBack: 2 })
})
