import { expect, test } from 'vitest'
import { randomOf } from '../faults/random.ts'
import { type Cast, faults } from './faults/index.ts'
import { type Scene, writeScript } from './script.ts'

const cast: Cast = { apps: 3, brokers: 3 }
const lengthMs = 180_000

function scriptOf(seed: number, of: Cast = cast): Scene[] {
  return writeScript(randomOf(seed), of, lengthMs)
}

function told(script: readonly Scene[]): unknown[] {
  return script.map(({ fault, target, beginsAt, endsAt }) => [fault.describe(target), beginsAt, endsAt])
}

test('a seed decides which faults come, when, and upon whom', () => {
  expect(told(scriptOf(1))).toEqual(told(scriptOf(1)))
  expect(told(scriptOf(1))).not.toEqual(told(scriptOf(2)))
})

test('every kind comes, and all is whole at the end', () => {
  const script = scriptOf(3)
  expect(new Set(script.map(({ fault }) => fault))).toEqual(new Set(faults))
  for (const { beginsAt, endsAt } of script) {
    expect(endsAt).toBeGreaterThan(beginsAt)
    expect(endsAt).toBeLessThanOrEqual(lengthMs)
  }
})

test('nothing breaks what is broken', () => {
  const scenes = Map.groupBy(scriptOf(4), ({ fault, target }) => fault.resource(target))
  for (const ofResource of scenes.values()) {
    for (const [nth, { beginsAt }] of ofResource.entries()) {
      expect(beginsAt).toBeGreaterThan(ofResource[nth - 1]?.endsAt ?? 0)
    }
  }
})

test('without Kafka, nothing befalls it', () => {
  const script = scriptOf(5, { apps: 3, brokers: 0 })
  expect(told(script).join()).not.toContain('Kafka')
  expect(script.length).toBeGreaterThan(50)
})

test('apps are stopped for longer than a session now and then', () => {
  const sessionMs = 3_000
  const stopped = scriptOf(6).filter(({ fault, target }) => fault.describe(target).startsWith('SIGSTOP'))
  expect(stopped.some(({ beginsAt, endsAt }) => endsAt - beginsAt > 2 * sessionMs)).toBe(true)
})
