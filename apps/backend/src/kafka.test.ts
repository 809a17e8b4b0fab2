import { freePort, type KafkaCluster, runKafkaTool, startKafka } from '@millrace/tools/kafka'
import type { App } from 'millrace'
import { createTestDatabase } from 'millrace/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { compose } from './compose.ts'
import { readConfig } from './config.ts'
import { addressOf, failureOf, run, saidBy } from './process.fixture.ts'

const timeout = 60_000
const soon = { timeout: 20_000 }

/** An app in this process, on a database of its own, as the environment has it; ends with the test. */
async function composed(environment: Record<string, string>): Promise<App> {
  const database = await createTestDatabase()
  const own = { DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'silent', MODULES: 'todos' }
  const app = await compose(readConfig({ ...own, ...environment }))
  onTestFinished(async () => {
    await app.stop()
    await database.drop()
  })
  return app
}

interface Todo {
  readonly id: number
  readonly content: string
}

async function post(url: string, todo: Partial<Todo>): Promise<Todo> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/todos/`, { method: 'POST', headers, body: JSON.stringify(todo) })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Todo
}

async function list(url: string): Promise<Todo[]> {
  return (await (await fetch(`${url}/todos/`)).json()) as Todo[]
}

describe('Kafka that is not there when the process starts', () => {
  test('is waited for, and the app starts when it comes', { timeout }, async () => {
    await using database = await createTestDatabase()
    const port = await freePort()
    const child = run({ DATABASE_URL: database.url, PORT: '0', KAFKA_BROKERS: `127.0.0.1:${port}` })
    await saidBy(child, /Kafka cannot be reached yet/)
    await using _ = await startKafka({ port })
    const url = await addressOf(child)
    await post(url, { id: 1, content: 'tea' })
    await expect.poll(() => list(url), soon).toEqual([{ id: 1, content: 'tea' }])
  })

  test('ends the process, with one clear error, when it does not come', { timeout }, async () => {
    await using database = await createTestDatabase()
    const brokers = `127.0.0.1:${await freePort()}`
    const child = run({
      DATABASE_URL: database.url,
      PORT: '0',
      KAFKA_BROKERS: brokers,
      KAFKA_CONNECT_ATTEMPTS: '2',
    })
    const failure = await failureOf(child)
    expect(failure.status).toBe(1)
    expect(failure.text).toMatch(/^Starting broker kafka failed: .*\(BROKER_CONNECT_FAILED\)\n {2}/)
    expect(failure.text).toContain(brokers)
    expect(failure.text).not.toMatch(/^ {4}at /m)
  })
})

describe('what other programs see and write', () => {
  test('Kafka’s own console tools read plain Protobuf bytes and write it, poison too: each todo is there once', {
    timeout,
  }, async () => {
    await using kafka = await startKafka()
    const app = await composed({ KAFKA_BROKERS: kafka.bootstrap })
    await app.start()

    await post(app.url, { id: 7, content: 'tea' })
    const args = ['--topic', 'todos2', '--from-beginning', '--max-messages', '1']
    const { stdout } = await runKafkaTool(kafka, 'console-consumer', args)
    // Field 1, a varint: 7. Field 2, 3 bytes: tea. The line's end is the tool's.
    expect([...stdout]).toEqual([0x08, 7, 0x12, 3, ...Buffer.from('tea'), 0x0a])

    const lines = ['\x08\x09\x12\x06coffee', 'no Protobuf', '\x08\x09', '\x08\x08\x12\x04milk', '']
    await runKafkaTool(kafka, 'console-producer', ['--topic', 'todos2'], { input: lines.join('\n') })
    const expected = [
      { id: 7, content: 'tea' },
      { id: 8, content: 'milk' },
      { id: 9, content: 'coffee' },
    ]
    await expect.poll(() => list(app.url), soon).toEqual(expected)
    await expect.poll(() => counts(app.url), soon).toEqual({ handled: 3, dead: 2 })
  })
})

/** How many records have been handled, and given up. */
async function counts(url: string): Promise<{ handled: number; dead: number }> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const of = (what: string) => Number(new RegExp(`^\\w*records_${what}_total\\{.*\\} (\\d+)$`, 'm').exec(metrics)?.[1])
  return { handled: of('handled'), dead: of('dead') }
}

describe('a cluster with TLS and passwords', () => {
  let kafka: KafkaCluster

  beforeAll(async () => {
    kafka = await startKafka({ secure: true })
  })

  afterAll(() => kafka.stop())

  function login(changes: Record<string, string | undefined> = {}): Record<string, string> {
    const { bootstrap = '', caFile = '', username = '', password = '' } = kafka.secure ?? {}
    const all = {
      KAFKA_BROKERS: bootstrap,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: username,
      KAFKA_SASL_PASSWORD: password,
      KAFKA_SSL_CA: caFile,
      ...changes,
    }
    return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  }

  test.each([
    ['PLAIN', 1],
    ['SCRAM-SHA-256', 2],
    ['SCRAM-SHA-512', 3],
  ])('serves an app that logs in by %s', async (mechanism, id) => {
    const app = await composed(login({ KAFKA_SASL_MECHANISM: mechanism }))
    await app.start()
    const todo = await post(app.url, { id, content: 'tea' })
    await expect.poll(() => list(app.url), soon).toContainEqual(todo)
  })

  test.each([
    ['a password is wrong', { KAFKA_SASL_PASSWORD: 'wrong' }, /refuses the user name or password/],
    ['nobody vouches for its certificate', { KAFKA_SSL_CA: undefined, KAFKA_SSL: 'true' }, /set KAFKA_SSL_CA/],
  ])('where %s, the start fails at once and says so', async (_, changes, problem) => {
    const app = await composed(login(changes))
    await expect(app.start()).rejects.toMatchObject({
      code: 'START_FAILED',
      cause: { code: 'BROKER_CONNECT_FAILED', details: { attempts: 1 }, message: expect.stringMatching(problem) },
    })
  })
})

describe('topics that are declared elsewhere', () => {
  test('are named where they are missing, and used where they are there', async () => {
    await using kafka = await startKafka()
    const environment = { KAFKA_BROKERS: kafka.bootstrap, KAFKA_CREATE_TOPICS: 'false' }
    const early = await composed(environment)
    await expect(early.start()).rejects.toMatchObject({
      code: 'START_FAILED',
      cause: { code: 'TOPIC_UNKNOWN', message: expect.stringContaining('todos2') },
    })
    await runKafkaTool(kafka, 'topics', ['--create', '--topic', 'todos2', '--partitions', '2'])
    const app = await composed(environment)
    await app.start()
    const todo = await post(app.url, { content: 'tea' })
    await expect.poll(() => list(app.url), soon).toEqual([todo])
  })
})
