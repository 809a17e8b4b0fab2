import { expect, test } from 'vitest'
import { partitionsOf } from '../faults/child-app.ts'
import { until } from '../faults/until.ts'
import { allPartitions, areShared, FaultStage } from './fault-stage.fixture.ts'

/** A group meets when the session of its dead member has ended, at the latest. */
const sessionMs = 10_000
/** Long enough for a slow machine to start a process on. */
const startMs = 6_000

test('a process that is killed and started again serves requests before its groups have met, and then their records', {
  timeout: 90_000,
}, async () => {
  await using stage = await FaultStage.open()
  const victim = await stage.start({ sessionTimeout: `${sessionMs}ms` })
  await until('it has all partitions', () => areShared([victim]))
  await victim.kill()

  const began = performance.now()
  const again = await stage.start({ sessionTimeout: `${sessionMs}ms` })
  const servedMs = performance.now() - began
  stage.load(again)
  await stage.moreAcknowledged()
  await until('it has all partitions', async () => (await partitionsOf(again)) === allPartitions, 2 * sessionMs)
  const metMs = performance.now() - began
  await stage.goesOn()
  process.stdout.write(
    `member-restarted: requests after ${Math.round(servedMs)} ms, records after ${Math.round(metMs)} ms\n`,
  )
  expect(servedMs).toBeLessThan(startMs)
  await stage.examine()
})
