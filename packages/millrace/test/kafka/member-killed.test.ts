import { expect, test } from 'vitest'
import { partitionsOf } from '../faults/child-app.ts'
import { until } from '../faults/until.ts'
import { allPartitions, areShared, FaultStage } from './fault-stage.fixture.ts'

/** The session's ten seconds, and what it takes to share the partitions out anew. */
const withinMs = 12_000

test('a process is killed: with the session time-out as it is by default, another has its partitions within 12 s', {
  timeout: 90_000,
}, async () => {
  await using stage = await FaultStage.open()
  const options = { pace: { every: 200, ms: 20 }, sessionTimeout: '10s' } as const
  const [survivor, victim] = await Promise.all([stage.start(options), stage.start(options)])
  await until('both have partitions', () => areShared([survivor, victim]))
  stage.load(survivor)
  await stage.goesOn()

  await victim.kill()
  const killed = performance.now()
  const went = stage.goesOn(2 * withinMs)
  await until('the other has all', async () => (await partitionsOf(survivor)) === allPartitions, 2 * withinMs)
  const moved = performance.now() - killed
  await went
  const wentOn = performance.now() - killed
  process.stdout.write(
    `member-killed: partitions moved after ${Math.round(moved)} ms, records after ${Math.round(wentOn)} ms\n`,
  )
  expect(wentOn).toBeLessThan(withinMs)
  await stage.examine()
})
