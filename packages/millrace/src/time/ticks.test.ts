import { describe, expect, test } from 'vitest'
import { isMillraceError } from '../core/errors.ts'
import { defineSchedule } from '../core/schedule.ts'
import { chooseTick, mostCaughtUp, mostCounted, type Ticks, ticksOf } from './ticks.ts'

const at = (time: string) => Date.parse(time)

function every(everyMs: number): Ticks {
  return ticksOf({ name: 'every', timeTable: { everyMs } })
}

function cron(pattern: string, timeZone = 'Europe/Berlin'): Ticks {
  return ticksOf({ name: 'cron', timeTable: { cron: pattern, timeZone } })
}

function following(ticks: Ticks, after: string, count: number): string[] {
  const found: string[] = []
  for (let time = at(after); found.length < count; found.push(new Date(time).toISOString())) time = ticks.next(time)
  return found
}

describe.each([
  ['an interval', every(300_000)],
  ['a cron pattern', cron('*/5 * * * *')],
])('%s of five minutes', (_, ticks) => {
  test('ticks when the clock shows a multiple of it', () => {
    expect(following(ticks, '2026-11-21T10:02:00Z', 3)).toEqual([
      '2026-11-21T10:05:00.000Z',
      '2026-11-21T10:10:00.000Z',
      '2026-11-21T10:15:00.000Z',
    ])
    expect(following(ticks, '2026-11-21T10:04:59.999Z', 1)).toEqual(['2026-11-21T10:05:00.000Z'])
    expect(following(ticks, '2026-11-21T10:05:00.001Z', 1)).toEqual(['2026-11-21T10:10:00.000Z'])
  })

  test.each(['10:10:00.000', '10:10:00.001', '10:10:01.000', '10:14:59.999'])('knows the latest ones at %s', (time) => {
    const until = at(`2026-11-21T${time}Z`)
    expect(ticks.latest(until, 2)).toEqual([at('2026-11-21T10:05:00Z'), at('2026-11-21T10:10:00Z')])
  })

  test('counts those from one to another', async () => {
    const from = at('2026-11-21T10:00:00Z')
    expect(await ticks.count(from, from)).toBe(1)
    expect(await ticks.count(from, from + 299_999)).toBe(1)
    expect(await ticks.count(from, from + 600_000)).toBe(3)
    expect(await ticks.count(from, from + 300_000 * 2 * mostCounted)).toBe(mostCounted)
  })
})

describe('when clocks change in Berlin', () => {
  test('a fixed time that does not exist runs at the first one that does', () => {
    expect(following(cron('30 2 * * *'), '2027-03-27T00:00:00Z', 3)).toEqual([
      '2027-03-27T01:30:00.000Z',
      '2027-03-28T01:00:00.000Z', // 3:00, an hour after 1:59
      '2027-03-29T00:30:00.000Z',
    ])
  })

  test('a fixed time that exists twice runs once', () => {
    expect(following(cron('30 2 * * *'), '2027-10-30T00:00:00Z', 3)).toEqual([
      '2027-10-30T00:30:00.000Z',
      '2027-10-31T00:30:00.000Z',
      '2027-11-01T01:30:00.000Z',
    ])
  })

  test('each hour runs once, the missing one not and the doubled one twice', () => {
    expect(following(cron('0 * * * *'), '2027-03-28T00:30:00Z', 2)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-28T02:00:00.000Z',
    ])
    expect(following(cron('0 * * * *'), '2027-10-30T23:30:00Z', 3)).toEqual([
      '2027-10-31T00:00:00.000Z',
      '2027-10-31T01:00:00.000Z',
      '2027-10-31T02:00:00.000Z',
    ])
  })

  test('the latest ticks are the same ones, looked at from behind', () => {
    const ticks = cron('30 2 * * *')
    for (const day of ['2027-03-29T12:00:00Z', '2027-11-01T12:00:00Z']) {
      const latest = ticks.latest(at(day), 3)
      expect(latest.map((tick) => ticks.next(tick - 1))).toEqual(latest)
    }
  })
})

describe('of the ticks that are overdue', () => {
  const ticks = every(1_000)

  test('a single one runs, whatever the policy', async () => {
    for (const missed of ['skip', 'catch-up'] as const) {
      expect(await chooseTick(ticks, missed, 5_000, 5_999)).toEqual({ tick: 5_000, skipped: 0, next: 6_000 })
    }
  })

  test('the latest runs by "skip", and the others are counted', async () => {
    expect(await chooseTick(ticks, 'skip', 5_000, 9_500)).toEqual({ tick: 9_000, skipped: 4, next: 10_000 })
  })

  test('the oldest runs by "catch-up"', async () => {
    expect(await chooseTick(ticks, 'catch-up', 5_000, 9_500)).toEqual({ tick: 5_000, skipped: 0, next: 6_000 })
  })

  test('"catch-up" is bounded', async () => {
    const now = 5_000 + 2_999 * 1_000
    const { tick, skipped } = await chooseTick(ticks, 'catch-up', 5_000, now)
    expect(skipped).toBe(3_000 - mostCaughtUp)
    expect(await ticks.count(tick, now)).toBe(mostCaughtUp)
  })
})

describe('refused', () => {
  test.each(['nope', '61 * * * *', '* * * *', '* * * * * * *', '0 0 31 2 *', '2027-01-01T00:00:00', ''])(
    'cron "%s"',
    (pattern) => {
      expect(codeOf(() => cron(pattern))).toBe('DEFINITION_INVALID')
    },
  )

  test('a time zone that is none', () => {
    expect(codeOf(() => cron('@daily', 'Europe/Nowhere'))).toBe('DEFINITION_INVALID')
  })

  test.each([0, 99, 100.5, '367d'] as const)('every %s', (time) => {
    expect(codeOf(() => defineSchedule('s', { every: time, run: () => {} }))).toBe('DEFINITION_INVALID')
  })

  test('a name that would not fit a URL', () => {
    expect(codeOf(() => defineSchedule('a name', { every: '1s', run: () => {} }))).toBe('DEFINITION_INVALID')
  })
})

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error)
  }
}
