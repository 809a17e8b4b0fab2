import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Entry, History, type Update } from './history.ts'

const frame = Buffer.alloc(100)

function entry(offset: number, stream: string | undefined, appendedAt: number): Entry {
  const place = { offset, mark: `m${offset}`, xid: offset }
  const update = stream === undefined ? undefined : { ...place, stream, frame, previous: undefined, next: undefined }
  return { ...place, appendedAt, update }
}

function offsetsFrom(update: Update | undefined): number[] {
  const offsets: number[] = []
  for (let at = update; at; at = at.next) offsets.push(at.offset)
  return offsets
}

const records = fc.array(
  fc.record({ stream: fc.constantFrom('a', 'b', 'c', undefined), ms: fc.integer({ min: 0, max: 40 }) }),
  {
    maxLength: 300,
  },
)

test('has what is young enough and fits, knows what it has, and finds what a client missed', () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 0, max: 20_000 }), (given, bytes) => {
      const bounds = { ageMs: 500, bytes }
      const history = new History(bounds, { offset: 9, mark: 'base' })
      let now = 0
      const all = given.map(({ stream, ms }, nth) => {
        now += ms
        return entry(10 + nth, stream, now)
      })
      for (const one of all) history.append(one)
      const kept = all.filter(({ offset }) => history.keeps({ offset: offset - 1, mark: '' }))
      expect(history.bytes).toBeLessThanOrEqual(bytes)
      expect(kept.every(({ appendedAt }) => appendedAt >= now - bounds.ageMs)).toBe(true)
      expect(history.last).toMatchObject({ offset: 9 + all.length })
      for (const { offset, mark } of all) {
        const isKnown = kept.length > 0 ? offset >= (kept[0]?.offset ?? 0) - 1 : offset === history.last.offset
        expect(history.find({ offset, mark })).toBe(isKnown ? 'here' : 'expired')
        if (isKnown) expect(history.find({ offset, mark: 'other' })).toBe('unknown')
        const missed = kept.filter((one) => one.offset > offset && one.update?.stream === 'a')
        if (isKnown) expect(offsetsFrom(history.firstAfter('a', offset))).toEqual(missed.map((one) => one.offset))
      }
      expect(history.find({ offset: 10 + all.length, mark: '' })).toBe('ahead')
    }),
  )
})

test('an update that has gone leads to those behind it', () => {
  const history = new History({ ageMs: 1_000, bytes: 1_000 }, { offset: -1, mark: '0' })
  history.append(entry(0, 'a', 0))
  const first = history.firstAfter('a', -1)
  for (let offset = 1; offset <= 5; offset += 1) history.append(entry(offset, 'a', 0))
  expect(history.find({ offset: 0, mark: 'm0' })).toBe('expired')
  expect(offsetsFrom(first)).toEqual([0, 1, 2, 3, 4, 5])
})
