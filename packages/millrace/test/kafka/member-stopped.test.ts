import { expect, test } from 'vitest'
import { type ChildApp, partitionsOf } from '../faults/child-app.ts'
import { until } from '../faults/until.ts'
import { FaultStage } from './fault-stage.fixture.ts'

/** Two topics of the one consumer, one of the other. */
const allPartitions = 3 * 4
const rounds = Number(process.env['KILLS'] ?? 3)

test(`a process is stopped until the group has put it out, and resumed, ${rounds} times: no effect twice, and it takes up again`, {
  timeout: 60_000 + rounds * 15_000,
}, async () => {
  await using stage = await FaultStage.open()
  const options = { pace: { every: 20, ms: 5 } }
  const [steady, stopped] = await Promise.all([stage.start(options), stage.start(options)])
  const areShared = () => shared(steady, stopped)
  await until('both have partitions', areShared)
  stage.load(steady)

  for (let round = 0; round < rounds; round += 1) {
    await stage.goesOn()
    stopped.signal('SIGSTOP')
    await until('the other has all', async () => (await partitionsOf(steady)) === allPartitions)
    await stage.moreAcknowledged()
    stopped.signal('SIGCONT')
    await until('both have partitions again', areShared)
  }
  await stage.goesOn()
  await stage.examine()

  expect(stage.traffic.refusals).toEqual([])
  stopped.signal('SIGTERM')
  expect(await stopped.ended).toBe(0)
})

async function shared(one: ChildApp, other: ChildApp): Promise<boolean> {
  const shares = await Promise.all([one, other].map(partitionsOf))
  return shares.every((share) => share > 0) && shares.reduce((sum, share) => sum + share, 0) === allPartitions
}
