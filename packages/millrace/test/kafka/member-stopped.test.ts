import { expect, test } from 'vitest'
import { partitionsOf } from '../faults/child-app.ts'
import { until } from '../faults/until.ts'
import { allPartitions, areShared, FaultStage } from './fault-stage.fixture.ts'

const rounds = Number(process.env['KILLS'] ?? 2)

test(`a process is stopped until the group has put it out, and resumed, ${rounds} times: no effect twice, and it takes up again`, {
  timeout: 60_000 + rounds * 60_000,
}, async () => {
  await using stage = await FaultStage.open()
  const options = { pace: { every: 20, ms: 5 } }
  const [steady, stopped] = await Promise.all([stage.start(options), stage.start(options)])
  await until('both have partitions', () => areShared([steady, stopped]))
  stage.load(steady)

  for (let round = 0; round < rounds; round += 1) {
    await stage.goesOn()
    stopped.signal('SIGSTOP')
    await until('the other has all', async () => (await partitionsOf(steady)) === allPartitions)
    await stage.moreAcknowledged()
    stopped.signal('SIGCONT')
    await until('both have partitions again', () => areShared([steady, stopped]))
  }
  await stage.goesOn()
  await stage.examine()

  expect(stage.traffic.refusals).toEqual([])
  stopped.signal('SIGTERM')
  expect(await stopped.ended).toBe(0)
})
