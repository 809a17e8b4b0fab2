import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { type RedisOptions, redisUnavailable, startRedis } from '../../src/redis/index.ts'
import { unpackRedis } from '../../src/redis/software.ts'
import { isAlive, runProgram, stateOf, testFolder, until } from '../servers/programs.fixture.ts'

// For the first time, when pip fetches it.
const fetchWithinMs = 300_000

let reason: string | undefined
beforeAll(async () => {
  reason = await redisUnavailable()
  if (reason !== undefined && process.env['CI'] === 'true') throw new Error(reason)
}, fetchWithinMs)
beforeEach(({ skip }) => skip(reason !== undefined, reason))

async function start(options: RedisOptions = {}) {
  const redis = await startRedis(options)
  onTestFinished(() => redis.stop())
  return redis
}

/** What a server answers to some commands, as it comes: one line for each. */
async function ask(port: number, ...commands: string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write([...commands, 'QUIT', ''].join('\r\n'))
  return (await text(socket)).split('\r\n').slice(0, commands.length)
}

test('serves, is killed, and serves again at the same address; nothing is left at the end', async () => {
  const redis = await start()
  const { pid, port } = redis
  expect(redis.url).toBe(`redis://127.0.0.1:${port}`)
  expect(await ask(port, 'SET tea oolong', 'EXISTS tea')).toEqual(['+OK', ':1'])
  await redis.kill()

  expect([redis.isRunning, isAlive(pid)]).toEqual([false, false])
  await expect(ask(port, 'PING')).rejects.toThrow('ECONNREFUSED')

  await redis.start()

  expect(redis.isRunning).toBe(true)
  expect(await ask(port, 'EXISTS tea')).toEqual([':0'])

  await redis.stop()

  expect(isAlive(redis.pid)).toBe(false)
})

test('lets in who has the password, where there is one', async () => {
  const { url, port } = await start({ login: { username: 'app', password: 'oolong' } })

  expect(url).toBe(`redis://app:oolong@127.0.0.1:${port}`)
  expect(await ask(port, 'AUTH app oolong', 'PING')).toEqual(['+OK', '+PONG'])
  expect(await ask(port, 'PING')).toEqual([expect.stringContaining('NOAUTH')])
  expect(await ask(port, 'AUTH app sencha')).toEqual([expect.stringContaining('WRONGPASS')])
})

test('stands still while it is paused', async () => {
  const redis = await start()
  redis.pause()
  await until(async () => (await stateOf(redis.pid)).startsWith('T'))
  const answer = ask(redis.port, 'PING')
  redis.resume()

  expect(await answer).toEqual(['+PONG'])
})

test('nothing is left when its owner is killed', async () => {
  const owner = runProgram('test/redis/owner.fixture.ts', [])
  const { value } = await owner.lines.next()
  const { pid } = JSON.parse(value) as { pid: number }
  expect(isAlive(pid)).toBe(true)

  owner.process.kill('SIGKILL')
  await until(() => !isAlive(pid))
})

test('says what to install without Python', async () => {
  vi.stubEnv('PATH', '')
  onTestFinished(() => void vi.unstubAllEnvs())

  await expect(unpackRedis(await testFolder())).rejects.toThrow(/install redis-server .*, or Python 3 with pip/)
})
