import { expect, test } from 'vitest'
import { commandFor, readOptions } from './options.ts'

test('defaults: three minutes on PostgreSQL, with a seed by chance', () => {
  const options = readOptions([])
  expect(options).toMatchObject({ minutes: 3, broker: 'postgres', brokers: 1, apps: 3, sabotage: undefined })
  expect(options?.seed).not.toBe(readOptions([])?.seed)
})

test('the command that is printed repeats the run', () => {
  const args = '--minutes 0.5 --seed 7 --broker kafka --brokers 3 --apps 4 --sabotage parking'.split(' ')
  const options = readOptions(args)
  expect(options && commandFor(options)).toBe(`npm run chaos -- ${args.join(' ')}`)
})

test.each([
  [['--minutes', 'many'], '--minutes takes a number'],
  [['--seed', '1.5'], '--seed takes a whole number'],
  [['--broker', 'rabbit'], '--broker takes kafka or postgres'],
  [['--brokers', '2'], '--brokers takes 1 or 3'],
  [['--brokers', '3'], '--brokers 3 goes with --broker kafka'],
  [['--sabotage', 'all'], '--sabotage takes one of inbox-and-position, parking, outbox'],
  [['--unknown'], 'Unknown option'],
])('%j is refused', (args, problem) => {
  expect(() => readOptions(args)).toThrow(problem)
})

test('--help asks for no run', () => {
  expect(readOptions(['--help'])).toBeUndefined()
})
