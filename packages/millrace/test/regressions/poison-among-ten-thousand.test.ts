import { expect, test } from 'vitest'
import {
  adminOf,
  countOf,
  effectsOf,
  type Failing,
  numbers,
  publishSteps,
  startSteps,
  stepsConsumer,
} from '../../src/delivery/operations.fixture.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { Observer } from '../faults/observer.ts'
import { until } from '../faults/until.ts'

const records = 10_000
/** How long nothing may be seen to come, where a machine that is busy with something else allows it. */
const longestGapMs = 250

test('a poison record in the middle of 10,000: the others are handled without a gap; redriven, it is, and what waited for it', {
  timeout: 120_000,
}, async () => {
  const failing: Failing = new Set()
  await using t = await startSteps([stepsConsumer('steps', failing)])
  const cleanMs = await drain(t, 'clean')
  failing.add('bad-5000/0')
  const gapMs = await drain(t, 'bad')
  process.stdout.write(`poison: longest gap ${Math.round(gapMs)} ms, without poison ${Math.round(cleanMs)} ms\n`)
  expect(gapMs).toBeLessThan(Math.max(longestGapMs, 2 * cleanMs))

  await publishSteps(t, ['bad-5000'], 1, 4)
  await t.settled()
  expect(await handledOf(t, 'bad')).toBe(records - 1)
  const admin = adminOf(t)
  const [letter] = (await admin.get('/dead-letters')).json().items
  expect((await admin.get(`/dead-letters/${letter.id}`)).json()).toMatchObject({
    value: { text: '{"key":"bad-5000","n":0}' },
    headers: expect.arrayContaining([{ name: 'ce_type', text: 'Step', base64: expect.any(String) }]),
    ...{ reason: 'bad-5000/0 fails', attempts: 2, waiting: 3 },
  })

  failing.clear()
  expect((await admin.post('/dead-letters/redrive', { ids: [letter.id] })).json()).toMatchObject({ done: 1 })
  await t.settled()
  expect((await effectsOf(t, 'steps'))['bad-5000']).toEqual([0, 1, 2, 3])
  expect(await countOf(t, 'dead_letter')).toBe(0)
})

/** Has 10,000 records, each of a key of its own, handled; answers the longest time in which another connection saw none come. */
async function drain(t: TestApp, name: string): Promise<number> {
  const admin = adminOf(t)
  await using observer = await Observer.connect(t.databaseUrl)
  // All of them are there before the first is handled: what is measured is not how they get there.
  await admin.post('/consumers/steps/pause')
  const ended = await observer.appended('steps')
  await publishSteps(
    t,
    numbers(records).map((n) => `${name}-${n}`),
    0,
    1,
  )
  await until('all are there', async () => (await observer.appended('steps')) === ended + records)
  await admin.post('/consumers/steps/resume')
  return await longestGap(observer, await handledBefore(observer))
}

async function longestGap(observer: Observer, before: number): Promise<number> {
  let [seen, seenAt, longest] = [before, 0, 0]
  await until('all are handled', async () => {
    const now = await handledBefore(observer)
    if (now === seen) return seen >= before + records - 1
    const at = performance.now()
    if (seen > before) longest = Math.max(longest, at - seenAt)
    ;[seen, seenAt] = [now, at]
    return false
  })
  return longest
}

async function handledBefore(observer: Observer): Promise<number> {
  const [row] = await observer.query<{ count: number }>('SELECT count(*)::int AS count FROM effect')
  return row?.count ?? 0
}

async function handledOf({ database }: TestApp, name: string): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM effect WHERE key LIKE $1 || '-%'",
    [name],
  )
  return rows[0]?.count ?? 0
}
