import { expect, test } from 'vitest'
import { startFanout } from './live-fanout.ts'
import { runLiveClients } from './live-run.ts'
import { seededRandom } from './random.ts'

const seconds = Number(process.env['LIVE_SECONDS'] ?? 12)

test(`500 clients of two processes, for ${seconds} s cut and killed at random: each is handed every update once, in order`, {
  timeout: 150_000 + seconds * 2_000,
}, async () => {
  await using fanout = await startFanout()
  const random = seededRandom('live-client')
  const { live, handed, pushed, cut, restarts, ...found } = await runLiveClients({
    ...{ fanout, random, seconds },
    ...{ clients: 500, updatesPerSecond: 500 },
  })
  process.stdout.write(
    `live-client over ${fanout.name}: ${pushed} updates, ${handed} handed over, ${cut} cut, ${restarts} restarts\n`,
  )
  expect(found, `SEED=${random.seed}`).toEqual({ resets: 0, missing: 0, repeated: 0, misordered: 0 })
  expect(live).toBe(500)
  // It was a run of some weight.
  expect(pushed).toBeGreaterThan(seconds * 100)
  expect(handed).toBeGreaterThan(3 * pushed)
  expect(cut).toBeGreaterThan(seconds * 20)
  expect(restarts).toBeGreaterThan(0)
})
