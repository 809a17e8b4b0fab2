import { expect, test } from 'vitest'
import { defineModule, defineSchedule, type Tick } from '../index.ts'
import { testApp } from '../testing/index.ts'

function counting(ticks: Tick[], name = 'count') {
  return defineSchedule(name, { every: '30s', run: (_unit, tick) => void ticks.push(tick) })
}

test('a schedule runs at each tick of its time-table', async () => {
  const ticks: Tick[] = []
  await using t = await testApp({ modules: [defineModule({ name: 'm', schedules: [counting(ticks)] })] })
  await t.settled()
  const before = ticks.length
  await t.clock.advance('30s')
  await t.settled()
  expect(ticks).toHaveLength(before + 1)
  expect((ticks.at(-1)?.scheduledAt.getTime() ?? 1) % 30_000).toBe(0)
})
