import { afterAll, beforeAll, expect, test } from 'vitest'
import { fail } from '../core/errors.ts'
import { type Faults, faultyBroker } from './faulty-broker.fixture.ts'
import { brokerLane } from './index.ts'
import type { RelayMetrics } from './metrics.ts'
import { publish, RelayStage, until } from './relay.fixture.ts'

let stage: RelayStage

beforeAll(async () => {
  stage = await RelayStage.create()
})

afterAll(() => stage[Symbol.asyncDispose]())

function counting() {
  const counts = { leading: [] as boolean[], pieces: 0, taken: 0, parked: 0, refused: 0, failures: 0 }
  const metrics: RelayMetrics = {
    leading: (isLeading) => counts.leading.push(isLeading),
    carried: () => {
      counts.pieces += 1
    },
    settled: (taken, parked, refused) => {
      counts.taken += taken
      counts.parked += parked
      counts.refused += refused
    },
    failed: () => {
      counts.failures += 1
    },
  }
  return { counts, metrics }
}

test('a relay tells what became of records, each once, and that it was interrupted', async () => {
  const lane = await stage.lane('counted')
  const { counts, metrics } = counting()
  const unavailable = fail('BROKER_UNAVAILABLE', { problem: 'in a test' })
  const tooLarge = fail('RECORD_TOO_LARGE', { topic: lane.name, size: 2, limit: 1 })
  const faults: Faults = {
    before: () => {
      faults.before = undefined
      throw unavailable
    },
    judge: ({ n }) => (n === 1 ? tooLarge : n === 3 ? unavailable : undefined),
  }
  const target = brokerLane(faultyBroker(lane.name, stage.broker, faults))
  const relay = await stage.relay(lane, { lane: target, backoff: () => 10, metrics })
  const keys = ['a', 'b', 'c', 'd']
  await publish(
    stage.database,
    lane,
    keys.map((key, index) => ({ key, n: index + 1 })),
  )
  await until('one is parked', async () => counts.parked === 1)
  expect(counts).toMatchObject({ taken: 2, parked: 1, refused: 1, failures: 1 })
  faults.judge = undefined
  await until('it has gone out', async () => counts.taken === 3)
  await relay.stop()
  expect(counts).toMatchObject({ taken: 3, parked: 1, refused: 1, failures: 1 })
  expect(counts.pieces).toBeGreaterThanOrEqual(2)
  // It was interrupted once, and led anew.
  expect(counts.leading).toEqual([true, false, true, false])
})
