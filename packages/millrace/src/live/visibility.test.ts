import fc from 'fast-check'
import { expect, test } from 'vitest'
import { liveApp } from './live.fixture.ts'
import { Visibility } from './visibility.ts'

const snapshots = fc
  .tuple(
    fc.integer({ min: 3, max: 1_000 }),
    fc.integer({ min: 0, max: 30 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 29 })),
  )
  .map(([xmin, spread, distances]) => {
    const inProgress = distances.filter((distance) => distance < spread).sort((a, b) => a - b)
    return `${xmin}:${xmin + spread}:${inProgress.map((distance) => xmin + distance).join(',')}`
  })

test('sees what PostgreSQL says a snapshot sees, and is the same out of a token', async () => {
  await using app = await liveApp()
  const given = fc.sample(snapshots, 200)
  const { rows } = await app.database.query<{ snapshot: string; xid: string; seen: boolean }>(
    `SELECT snapshot, xid, pg_visible_in_snapshot(xid::text::xid8, snapshot::pg_snapshot) AS seen
       FROM unnest($1::text[]) AS snapshot, generate_series(3, 1040, 3) AS xid`,
    [given],
  )
  const visibilities = new Map(given.map((snapshot) => [snapshot, Visibility.ofSnapshot(snapshot)]))
  const wrong = rows.filter(({ snapshot, xid, seen }) => {
    const visibility = visibilities.get(snapshot)
    const again = Visibility.ofToken(visibility?.toToken() ?? '')
    return visibility?.sees(Number(xid)) !== seen || again?.sees(Number(xid)) !== seen
  })
  expect(rows.length).toBeGreaterThan(50_000)
  expect(wrong).toEqual([])
})

test('covers another one only where it sees all that the other sees', () => {
  fc.assert(
    fc.property(snapshots, snapshots, (one, other) => {
      const [a, b] = [Visibility.ofSnapshot(one), Visibility.ofSnapshot(other)]
      if (!a.covers(b)) return
      for (let xid = 3; xid < 1_050; xid += 1) if (b.sees(xid)) expect(a.sees(xid)).toBe(true)
    }),
  )
  const later = Visibility.ofSnapshot('10:20:15')
  expect(later.covers(Visibility.ofSnapshot('10:18:12,15'))).toBe(true)
  expect(later.covers(Visibility.ofSnapshot('10:18:12'))).toBe(false)
})

test('what is no snapshot is none', () => {
  for (const text of ['', 'a', 'a_', '_a', 'a__b', 'A_b', `a${'_1'.repeat(2_002)}`, 'a_b '])
    expect([text, Visibility.ofToken(text)]).toEqual([text, undefined])
})
