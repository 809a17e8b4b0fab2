import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer } from 'node:tls'
import { startRedis } from '@millrace/tools/redis'
import { createClient } from 'redis'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../../test/faults/until.ts'
import { produce, record } from '../../conformance/broker/stage.ts'
import { follow, logged, plain, take } from '../../conformance/bus/stage.ts'
import type { Bus, Follower } from '../../ports/bus.ts'
import { selfSigned } from '../../testing/self-signed.ts'
import { watchedDatabase } from '../postgres/log/log.fixture.ts'
import { createRedisBus, type RedisOptions } from './index.ts'
import { type BusProcess, BusStage } from './redis.fixture.ts'

const topic = 'topic'

/** Two processes that carry a topic; all ends with the test. */
async function start(options: Parameters<BusStage['connect']>[0] = {}) {
  const stage = await BusStage.create()
  onTestFinished(() => stage[Symbol.asyncDispose]())
  const connectOne = async (own: Parameters<BusStage['connect']>[0] = {}) => {
    const process = await stage.connect({ ...options, ...own })
    onTestFinished(() => process.dispose())
    await process.broker.ensureTopics([{ name: topic, partitions: 1 }])
    process.carry(topic)
    return process
  }
  return { stage, connectOne, writer: await connectOne() }
}

function write({ broker }: BusProcess, count: number, name = 'value') {
  return produce(
    broker,
    Array.from({ length: count }, (_, nth) => record(topic, null, `${name} ${nth}`)),
  )
}

function takenBy({ bus }: BusProcess) {
  return { ...bus.state?.taken }
}

/** Writes and takes a record at a time, until some in a row have come by the bus. */
async function untilByBus(writer: BusProcess, reader: BusProcess, follower: Follower): Promise<void> {
  for (let inRow = 0; inRow < 5; ) {
    const { bus } = takenBy(reader)
    await write(writer, 1)
    await take(follower, 1)
    inRow = takenBy(reader).bus === bus ? 0 : inRow + 1
  }
}

test('what comes by Redis is not looked for in the log: neither for each wake-up nor for each record', async () => {
  const { stage, connectOne, writer } = await start()
  let statements = 0
  const database = watchedDatabase(stage.log.url, ({ name }) => {
    if (name?.startsWith('millrace_log')) statements += 1
  })
  const reader = await connectOne({ database })
  const follower = await follow(reader, topic)
  // Of its way there, a statement may still be under way.
  for (let before = -1; before !== statements; ) {
    before = statements
    await untilByBus(writer, reader, follower)
  }
  const [before, took] = [statements, takenBy(reader)]

  for (let nth = 0; nth < 300; nth += 1) {
    await write(writer, 2)
    await take(follower, 2)
  }
  expect(takenBy(reader)).toEqual({ bus: (took.bus ?? 0) + 600, log: took.log })
  expect(statements - before).toBe(0)
  const waiting = follower.read(1)
  await pause(2_500)
  // Silent, it is looked at once a second, and no record is read.
  expect(statements - before).toBeGreaterThanOrEqual(2)
  expect(statements - before).toBeLessThanOrEqual(5)
  expect(takenBy(reader).log).toBe(took.log)
  follower.close()
  expect(await waiting).toEqual([])
})

test('what Redis holds back comes from the log, after a silence at first, and soon from then on', async () => {
  const { connectOne, writer } = await start()
  const reader = await connectOne()
  const follower = await follow(reader, topic)
  await untilByBus(writer, reader, follower)
  reader.proxy.freeze()

  await write(writer, 1)
  await take(follower, 1)
  const times: number[] = []
  for (let nth = 0; nth < 10; nth += 1) {
    const began = performance.now()
    await write(writer, 1)
    await take(follower, 1)
    times.push(performance.now() - began)
  }

  expect(Math.max(...times)).toBeLessThan(900)
  expect(reader.bus.state?.faults).toMatchObject({ missed: expect.any(Number) })
  expect(reader.bus.state?.faults['missed']).toBeGreaterThan(5)
})

test('without Redis a process starts, says so once, and follows the log; Redis comes back by itself', async () => {
  const { stage, connectOne, writer } = await start()
  const lines: string[] = []
  const say = (level: string) => (details: object, text: string) =>
    void lines.push(`${level} ${text} ${JSON.stringify(details)}`)
  const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child: () => logger }
  await stage.redis.kill()
  const reader = await connectOne({ logger })
  const follower = await follow(reader, topic)
  expect(reader.bus.state?.problem).toMatch(/ECONNRE|closed/)

  for (let nth = 0; nth < 20; nth += 1) {
    await write(writer, 1)
    await take(follower, 1)
  }
  await pause(500)
  expect(takenBy(reader)).toEqual({ bus: 0, log: 20 })
  expect(lines).toEqual([
    expect.stringMatching(/^warn Redis is away, and is tried again: live updates come by the log/),
  ])

  await stage.redis.start()
  await until('both are back', () => [reader, writer].every(({ bus }) => bus.state?.problem === undefined))
  await untilByBus(writer, reader, follower)
  expect(lines.slice(1)).toEqual(['info Redis is there again {}'])

  await stage.redis.kill()
  await write(writer, 1)
  await take(follower, 1)
  await until('it is noticed', () => reader.bus.state?.problem !== undefined)
  expect(lines).toHaveLength(3)
  expect(reader.bus.state?.faults).toMatchObject({ connection: 1 })
})

test('a Redis that refuses what is sent is said to, and updates come from the log', async () => {
  const { stage, connectOne } = await start()
  const lines: string[] = []
  const say = (_: object, text: string) => void lines.push(text)
  const logger = { debug: say, info: say, warn: say, error: say, child: () => logger }
  const [writer, reader] = [await connectOne({ logger }), await connectOne()]
  const follower = await follow(reader, topic)
  await untilByBus(writer, reader, follower)
  const client = await createClient({ url: stage.redis.url }).connect()
  onTestFinished(() => client.destroy())
  await client.sendCommand(['ACL', 'SETUSER', 'default', '-publish'])

  for (let nth = 0; nth < 3; nth += 1) {
    await write(writer, 1)
    await take(follower, 1)
  }
  await until('it is noticed', () => writer.bus.state?.problem !== undefined)
  expect(writer.bus.state?.problem).toMatch(/^NOPERM/)
  expect(lines).toEqual(['Redis refuses what is sent: live updates come by the log in PostgreSQL'])

  await client.sendCommand(['ACL', 'SETUSER', 'default', '+publish'])
  await untilByBus(writer, reader, follower)
  expect(writer.bus.state?.problem).toBeUndefined()
})

test('a server that stands still is noticed, and its connection made anew', async () => {
  const { stage, connectOne } = await start()
  const reader = await connectOne()
  stage.redis.pause()
  await until('it is noticed', () => reader.bus.state?.problem === 'no answer within 3000 ms')
  stage.redis.resume()
  await until('it is back', () => reader.bus.state?.problem === undefined)
})

test('a log that has lost what was read of it ends the follower, also where it has come as far again', async () => {
  const { connectOne, writer } = await start({ lookInterval: '100ms' })
  const reader = await connectOne()
  const lose = (from: number) => writer.log.database.query('DELETE FROM millrace.log WHERE "offset" >= $1', [from])
  const shrunk = await follow(reader, topic)
  await write(writer, 5)
  await take(shrunk, 5)
  await lose(3)
  await expect(shrunk.read(1)).rejects.toMatchObject({ code: 'LOG_SHRANK' })
  expect(await shrunk.read(1)).toEqual([])

  const replaced = await follow(reader, topic)
  await write(writer, 3)
  await take(replaced, 6)
  await untilByBus(writer, reader, replaced)
  const [range] = await writer.broker.ranges(topic)
  const end = range?.end ?? 0
  // No look falls between: the other records are there, and more, before anybody asks.
  await writer.log.database
    .transaction(async (transaction) => {
      await transaction.query('DELETE FROM millrace.log WHERE "offset" >= $1', [end - 2])
      const appended = await writer.log.broker.appendIn(
        transaction,
        Array.from({ length: 4 }, () => record(topic, null, 'another one')),
      )
      return appended
    })
    .then(({ announce }) => announce())
  const given: string[] = []
  const reading = async () => {
    for (;;) given.push(...(await replaced.read(10)).map(({ value }) => String(value)))
  }
  await expect(reading()).rejects.toMatchObject({ code: 'LOG_REPLACED' })
  expect(given).toEqual([])
})

test('apps that share a Redis do not meet, not even where one’s database is a copy of the other’s', async () => {
  const { stage, connectOne, writer } = await start({ lookInterval: '100ms' })
  const reader = await connectOne()
  const copy = await BusStage.createOn(stage.redis)
  onTestFinished(() => copy[Symbol.asyncDispose]())
  const other = await copy.connect()
  onTestFinished(() => other.dispose())
  const [described] = await other.broker.ensureTopics([{ name: topic, partitions: 1 }])
  const { id } = await writer.broker.describe(topic)
  await other.log.database.query('UPDATE millrace.log_topics SET uuid = $1 WHERE uuid = $2', [id, described?.id])
  const stranger = await copy.connect()
  onTestFinished(() => stranger.dispose())
  stranger.carry(topic)
  const followers = [await follow(reader, topic), await follow(stranger, topic)] as const

  const reading = Promise.all(followers.map((follower) => take(follower, 300)))
  for (let nth = 0; nth < 100; nth += 1) {
    await Promise.all([write(writer, 3, `here ${nth}`), write(stranger, 3, `there ${nth}`)])
  }
  const given = await reading

  expect(given[0]?.map(plain)).toEqual((await logged(writer, topic)).map(plain))
  expect(given[1]?.map(plain)).toEqual((await logged(stranger, topic)).map(plain))
})

/** A bus alone, which is started; stopped with the test. */
async function startBus(options: RedisOptions): Promise<Bus> {
  const bus = createRedisBus(options)
  onTestFinished(async () => bus.stop?.())
  await bus.start?.()
  return bus
}

test('logs in, over TLS too, and says what is wrong without the password', async () => {
  const redis = await startRedis({ login: { username: 'app', password: 'oolong' } })
  onTestFinished(() => redis.stop())
  expect((await startBus({ url: redis.url })).state?.problem).toBeUndefined()
  const wrong = await startBus({ url: redis.url.replace('oolong', 'sencha') })
  expect(wrong.state?.problem).toMatch(/^WRONGPASS/)
  expect(wrong.state?.problem).not.toContain('sencha')

  const pair = selfSigned('localhost')
  const door = createServer(pair, (socket) => {
    const inner = connect(redis.port, '127.0.0.1')
    socket.on('error', () => inner.destroy()).pipe(inner)
    inner.on('error', () => socket.destroy()).pipe(socket)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void door.close())
  await once(door, 'listening')
  const url = `rediss://app:oolong@localhost:${(door.address() as AddressInfo).port}`
  expect((await startBus({ url, tls: { ca: pair.cert } })).state?.problem).toBeUndefined()
  expect((await startBus({ url })).state?.problem).toMatch(/self-signed certificate/)
})

test.each(['http://127.0.0.1', 'redis://', 'redis://host/name', '127.0.0.1:6379', 'redis://user:oolong@host:port'])(
  'refuses %s, without the password',
  (url) => {
    const create = () => createRedisBus({ url })
    expect(create).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
    expect(create).not.toThrow(/oolong/)
  },
)
