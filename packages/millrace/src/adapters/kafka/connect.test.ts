import { createServer, type Socket } from 'node:net'
import { freePort, type KafkaCluster, startKafka } from '@millrace/tools/kafka'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type KafkaBrokerOptions, kafkaConfig } from './config.ts'
import { connect } from './connect.ts'
import { listeningLogger } from './kafka.fixture.ts'

const never = new AbortController().signal

/** Tries to connect; answers with the error, and what was logged before it. */
async function failureOf(options: KafkaBrokerOptions, signal = never, requestTimeout = 1_000) {
  const { logger, lines } = listeningLogger()
  const config = kafkaConfig({ logger, ...options })
  const client = { ...config.client, requestTimeout }
  const error: unknown = await connect({ ...config, client }, signal).catch((problem: unknown) => problem)
  return { error, lines }
}

/** A server that treats whoever connects like this. */
async function serve(treat: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    treat(socket)
  })
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  onTestFinished(() => void server.close())
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

describe('a broker that is not there', () => {
  test('is tried as often as is said, and named', async () => {
    const brokers = [`127.0.0.1:${await freePort()}`]

    const { error, lines } = await failureOf({ brokers, connectAttempts: 2 })

    expect(error).toMatchObject({ code: 'BROKER_CONNECT_FAILED', details: { brokers: brokers[0], attempts: 2 } })
    expect(error).toMatchObject({ message: expect.stringContaining('ECONNREFUSED') })
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', details: expect.objectContaining({ attempt: 1, waitMs: 2_000 }) }),
    ])
  })

  test('is waited for no longer when the app stops', async () => {
    const abort = new AbortController()
    const failing = failureOf({ brokers: [`127.0.0.1:${await freePort()}`] }, abort.signal)
    abort.abort()

    expect((await failing).error).toMatchObject({ code: 'SHUTTING_DOWN' })
  })

  test.each([
    ['hangs up', (socket: Socket) => void socket.destroy()],
    ['says nothing', () => {}],
    ['is no Kafka', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('or %s', async (_, treat) => {
    const { error } = await failureOf({ brokers: [await serve(treat)], connectAttempts: 1 })

    expect(error).toMatchObject({ code: 'BROKER_CONNECT_FAILED', details: { attempts: 1 } })
  })
})

test('a broker that resets a connection while it authenticates does not end the process', async () => {
  const brokers = [await serve((socket) => void socket.once('data', () => socket.resetAndDestroy()))]
  const sasl = { mechanism: 'PLAIN', username: 'app', password: 'secret' } as const

  // A second error of the connection, if nobody listened for it, would fail the test run.
  const { error } = await failureOf({ brokers, sasl, connectAttempts: 1 })

  expect(error).toMatchObject({ code: 'BROKER_CONNECT_FAILED', message: expect.stringContaining('ECONNRESET') })
})

test.each(['localhost:99999', 'localhost:x', ':9092', 'localhost:-1'])('%s is no address', (broker) => {
  expect(() => kafkaConfig({ brokers: ['localhost:9092', broker] })).toThrow(`"${broker}" is not host:port`)
})

describe('a broker with TLS and passwords', () => {
  let kafka: KafkaCluster
  let secure: NonNullable<KafkaCluster['secure']>

  beforeAll(async () => {
    kafka = await startKafka({ secure: true })
    if (kafka.secure) secure = kafka.secure
  })

  afterAll(() => kafka.stop())

  const sasl = (changes: object = {}) => ({
    mechanism: 'SCRAM-SHA-512' as const,
    username: secure.username,
    password: secure.password,
    ...changes,
  })

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('is connected to by %s', async (mechanism) => {
    const options = { brokers: [secure.bootstrap], tls: { ca: secure.ca }, sasl: sasl({ mechanism }) }

    expect((await failureOf(options, never, 15_000)).error).toBeUndefined()
  })

  test('is connected to by name, too', async () => {
    const brokers = [secure.bootstrap.replace('127.0.0.1', 'localhost')]

    expect((await failureOf({ brokers, tls: { ca: secure.ca }, sasl: sasl() }, never, 15_000)).error).toBeUndefined()
  })

  test.each([
    ['a wrong password', () => ({ sasl: sasl({ password: 'wrong' }) }), /refuses the user name or password/],
    [
      'a wrong password by PLAIN',
      () => ({ sasl: sasl({ mechanism: 'PLAIN', password: 'wrong' }) }),
      /refuses the user name or password/,
    ],
    ['a user it does not know', () => ({ sasl: sasl({ username: 'nobody' }) }), /refuses the user name or password/],
    ['a client that does not trust its certificate', () => ({ tls: {} }), /not trusted \(.*\): set KAFKA_SSL_CA/],
  ])('refuses %s at once', async (_, changes, problem) => {
    const options = { brokers: [secure.bootstrap], tls: { ca: secure.ca }, sasl: sasl(), ...changes() }

    const { error, lines } = await failureOf(options, never, 15_000)

    expect(error).toMatchObject({
      code: 'BROKER_CONNECT_FAILED',
      details: { attempts: 1 },
      message: expect.stringMatching(problem),
    })
    expect(JSON.stringify([error, lines])).not.toContain(secure.password)
  })

  test('is not spoken to without TLS on its port for TLS', async () => {
    const { error } = await failureOf({ brokers: [secure.bootstrap], connectAttempts: 1 }, never, 15_000)

    expect(error).toMatchObject({ code: 'BROKER_CONNECT_FAILED', message: expect.stringMatching(/asks for TLS/) })
  })

  test('is not spoken to with TLS on its port without', async () => {
    const options = { brokers: [kafka.bootstrap], tls: { ca: secure.ca } }

    const { error } = await failureOf(options, never, 15_000)

    expect(error).toMatchObject({ details: { attempts: 1 }, message: expect.stringMatching(/does not speak TLS/) })
  })
})
