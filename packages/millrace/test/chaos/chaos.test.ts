import { expect, test } from 'vitest'
import { newSeed, readOptions } from './options.ts'
import { report } from './report.ts'
import { runChaos } from './run.ts'

const broker = process.env['TEST_BROKER'] === 'kafka' ? 'kafka' : 'postgres'
const say = (text: string) => void process.stdout.write(`chaos: ${text}\n`)

test('a short chaos run: nothing lost, applied twice, out of order or left', { timeout: 240_000 }, async () => {
  const seed = Number(process.env['SEED'] ?? newSeed())
  const args = ['--minutes', '0.5', '--patience', '60', '--broker', broker, '--seed', String(seed)]
  const options = readOptions(args)
  if (!options) throw new Error('no options')
  const verdict = await runChaos(options, say)
  const told = report(options, verdict)
  say(told)
  expect(verdict.errors, told).toBe(0)
  // It was about something, also on a slow machine.
  expect(verdict.traces.map(({ count }) => count > 100)).not.toContain(false)
  expect(verdict.letters.some(({ count }) => count > 0)).toBe(true)
})
