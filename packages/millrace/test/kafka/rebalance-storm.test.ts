import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { spine } from '../faults/spine.fixture.ts'
import { FaultStage } from './fault-stage.fixture.ts'

const stormMs = 1_000 * Number(process.env['STORM_SECONDS'] ?? 8)
/** How long a member stays, and how long none does. */
const beatMs = 500

test(`a member comes and goes every second for ${stormMs / 1_000} s while records flow: each is applied once, in order`, {
  timeout: 90_000 + 2 * stormMs,
}, async () => {
  await using stage = await FaultStage.open()
  const app = await stage.start()
  stage.load(app)
  await stage.goesOn()

  const handled = await stage.observer.handled()
  const began = performance.now()
  let comings = 0
  for (; performance.now() - began < stormMs; comings += 1) {
    const stay = delay(beatMs)
    const member = await testApp({
      modules: [spine()],
      roles: ['worker'],
      databaseUrl: stage.databaseUrl,
      kafkaOptions: { sessionTimeout: '1500ms' },
    })
    await stay
    const absence = delay(beatMs)
    await member.stop()
    await absence
  }
  const perSecond = Math.round((1_000 * ((await stage.observer.handled()) - handled)) / (performance.now() - began))
  process.stdout.write(`rebalance-storm: ${comings} came and went; ${perSecond} records handled a second meanwhile\n`)
  await stage.goesOn()
  await stage.examine()

  expect(stage.traffic.refusals).toEqual([])
  expect(stage.traffic.unanswered).toBe(0)
})
