import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balance, type Candidate, type Share } from './balance.ts'

const topics = [1, 2, 3]

function shareOf(holder: string | null, topic: number, partition: number): Share {
  return { topic, partition, holder }
}

function candidate(id: string, of: readonly number[] = topics): Candidate {
  return { id, topics: new Set(of) }
}

/** Members, some of which are gone by now, and who held what. */
const situation = fc.record({
  members: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }),
  shares: fc
    .array(fc.tuple(fc.constantFrom(...topics), fc.option(fc.constantFrom('a', 'b', 'c', 'gone'))), { maxLength: 40 })
    .map((held) => held.map(([topic, holder], nth) => shareOf(holder, topic, nth))),
})

test('gives members that list the same topics as many partitions each, give or take one', () => {
  fc.assert(
    fc.property(situation, ({ members, shares }) => {
      const holders = balance(
        members.map((id) => candidate(id)),
        shares,
      )

      const counts = members.map((id) => holders.filter((holder) => holder === id).length)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(shares.length)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }),
  )
})

test('moves nothing that is balanced, and no more than it must', () => {
  fc.assert(
    fc.property(situation, ({ members, shares }) => {
      const candidates = members.map((id) => candidate(id))
      const holders = balance(candidates, shares)
      expect(
        balance(
          candidates,
          shares.map((share, nth) => ({ ...share, holder: holders[nth] ?? null })),
        ),
      ).toEqual(holders)

      const most = Math.ceil(shares.length / members.length)
      for (const id of members) {
        const had = shares.filter(({ holder }) => holder === id).length
        const kept = shares.filter(({ holder }, nth) => holder === id && holders[nth] === id).length
        expect(kept).toBeGreaterThanOrEqual(Math.min(had, most - 1))
      }
    }),
  )
})

test('spreads each topic over the members', () => {
  const shares = [1, 2].flatMap((topic) => [0, 1, 2, 3].map((partition) => shareOf('a', topic, partition)))

  const holders = balance([candidate('a'), candidate('b')], shares)

  for (const topic of [1, 2]) {
    expect(shares.filter((share, nth) => share.topic === topic && holders[nth] === 'b')).toHaveLength(2)
  }
})

test('gives a topic only to members that list it, and to nobody where none does', () => {
  const shares = [shareOf('a', 1, 0), shareOf('a', 2, 0), shareOf(null, 2, 1), shareOf('b', 3, 0)]

  expect(balance([candidate('a', [1]), candidate('b', [1, 2])], shares)).toEqual(['a', 'b', 'b', null])
  expect(balance([], shares)).toEqual([null, null, null, null])
})
