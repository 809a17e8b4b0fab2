import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readOptions } from './options.ts'
import { report } from './report.ts'
import { runChaos } from './run.ts'
import { type Change, changed, type SabotageName, sabotages, urlOf } from './sabotage.ts'
import type { TraceFindings } from './verdict.ts'

const broker = process.env['TEST_BROKER'] === 'kafka' ? 'kafka' : 'postgres'

describe.each(Object.entries(sabotages))('%s', (_, changes: readonly Change[]) => {
  test.each(changes.map((change) => [change.module, change] as const))(
    'what it changes is in %s',
    async (_, change) => {
      const text = await readFile(new URL(urlOf(change.module)), 'utf8')
      expect(changed(text, change)).toContain(change.instead)
    },
  )
})

test('a fragment that is not there exactly once is an error', () => {
  const change = { module: 'core/unit.ts', fragment: 'two', instead: '' }
  expect(() => changed('one', change)).toThrow('found 0 times')
  expect(() => changed('two and two', change)).toThrow('found 2 times')
})

/** By its script, an app, PostgreSQL and Kafka's broker are killed within seconds. */
const seed = '10'

/** What each is to be found by. */
const finds: readonly (readonly [SabotageName, readonly (keyof TraceFindings)[]])[] = [
  ['inbox-and-position', ['twice']],
  ['parking', ['misordered']],
  ['outbox', ['lost', 'misordered']],
]

test.each(finds)('%s is found', { timeout: 180_000 }, async (sabotage, kinds) => {
  const args = ['--minutes', '0.12', '--patience', '20', '--broker', broker, '--seed', seed]
  const options = readOptions([...args, '--sabotage', sabotage])
  if (!options) throw new Error('no options')
  const verdict = await runChaos(options, () => {})
  const found = kinds.map((kind) => verdict.traces.reduce((sum, trace) => sum + Number(trace[kind]), 0))
  expect(Math.max(...found), report(options, verdict)).toBeGreaterThan(0)
  expect(verdict.errors).toBeGreaterThan(0)
})
