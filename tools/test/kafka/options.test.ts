import { expect, test } from 'vitest'
import { readOptions } from '../../src/kafka/options.ts'

test('has defaults for everything', () => {
  expect(readOptions([])).toEqual({
    do: 'run',
    options: { port: 9092, brokers: 1, secure: false, registryPort: undefined, directory: '.millrace/kafka' },
  })
})

test('three brokers have data of their own', () => {
  expect(readOptions(['--brokers', '3', '--registry', '--port', '19092'])).toMatchObject({
    options: { port: 19_092, brokers: 3, registryPort: 8081, directory: '.millrace/kafka-3' },
  })
})

test.each([
  [
    ['topics', '--list'],
    ['--list', '--bootstrap-server', '127.0.0.1:9092'],
  ],
  [
    ['topics', '--port', '19092', '--list'],
    ['--list', '--bootstrap-server', '127.0.0.1:19092'],
  ],
  [
    ['topics', '--list', '--bootstrap-server', 'kafka:1'],
    ['--list', '--bootstrap-server', 'kafka:1'],
  ],
  [['topics', '--help'], ['--help']],
])('%s is a tool with %s', (given, args) => {
  expect(readOptions(given)).toEqual({ do: 'tool', tool: 'topics', args })
})

test.each([
  [['tea'], 'There is no tool tea; there are console-consumer'],
  [['--brokers', '2'], '--brokers takes 1 or 3, not 2.'],
  [['--port', 'x'], '--port takes a port, not x.'],
  [['--pot', '1'], "Unknown option '--pot'"],
])('%s is refused', (given, problem) => {
  expect(() => readOptions(given)).toThrow(problem)
})
