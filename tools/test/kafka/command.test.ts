import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePorts } from '../../src/kafka/index.ts'
import { type Program, runProgram, testFolder } from '../servers/programs.fixture.ts'
import { needsKafka } from './testbed.fixture.ts'

needsKafka()

function run(...args: (string | number)[]): Program {
  return runProgram('src/kafka/main.ts', args.map(String))
}

/** The lines up to the one that begins so. */
async function linesUntil({ lines, stderr }: Program, beginning: string): Promise<string[]> {
  const found: string[] = []
  while (!found.at(-1)?.startsWith(beginning)) {
    const { value, done } = await lines.next()
    if (done) throw new Error(`It ended before ${beginning}: ${await stderr}`)
    found.push(value)
  }
  return found
}

async function succeed(program: Program): Promise<string[]> {
  const lines: string[] = []
  for await (const line of { [Symbol.asyncIterator]: () => program.lines }) lines.push(line)
  if ((await program.ended) !== 0) throw new Error(await program.stderr)
  return lines
}

async function isServed(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

test('runs until it is told to end, says what to set, and keeps the data for the next time', async () => {
  const [port = 0, registryPort = 0] = await freePorts(2)
  const data = join(await testFolder(), 'data')
  const options = ['--port', port, '--data', data] as const
  const first = run(...options, '--registry', '--registry-port', registryPort)
  const url = `http://127.0.0.1:${registryPort}/apis/ccompat/v7`

  expect(await linesUntil(first, 'SCHEMA_REGISTRY_URL')).toEqual([
    expect.stringContaining('Kafka is ready: one broker'),
    `KAFKA_BROKERS=127.0.0.1:${port}`,
    `SCHEMA_REGISTRY_URL=${url}`,
  ])
  expect(await (await fetch(`${url}/subjects`)).json()).toEqual([])
  await succeed(run('topics', '--port', port, '--create', '--topic', 'teas', '--partitions', '2'))

  first.process.kill('SIGKILL')
  const second = run(...options)
  await linesUntil(second, 'KAFKA_BROKERS')

  expect(await succeed(run('topics', '--port', port, '--list'))).toEqual(['teas'])

  second.process.kill('SIGTERM')

  expect(await second.ended).toBe(0)
  expect(await isServed(port)).toBe(false)
})

test('prints the variables of the secure listener', async () => {
  const [port = 0] = await freePorts(1)
  const program = run('--port', port, '--secure', '--data', await testFolder())
  const lines = await linesUntil(program, 'KAFKA_SASL_PASSWORD')

  expect(lines).toEqual(
    expect.arrayContaining([
      `KAFKA_BROKERS=127.0.0.1:${port + 1}`,
      'KAFKA_SSL=true',
      expect.stringMatching(/^KAFKA_SSL_CA=.+ca\.pem$/),
      'KAFKA_SASL_MECHANISM=SCRAM-SHA-512',
      'KAFKA_SASL_USERNAME=millrace',
    ]),
  )

  const other = run('--port', port, '--data', await testFolder())

  expect(await other.ended).toBe(1)
  expect(await other.stderr).toContain(`Port ${port} of 127.0.0.1 is taken`)
})
