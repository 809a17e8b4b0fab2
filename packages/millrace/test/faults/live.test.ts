import { setTimeout as delay } from 'node:timers/promises'
import { type RedisServer, startRedis } from '@millrace/tools/redis'
import { expect, onTestFinished, test } from 'vitest'
import { liveModules } from '../../src/live/channels.fixture.ts'
import { count, TestClient } from '../../src/live/live.fixture.ts'
import { testApp } from '../../src/testing/index.ts'
import { defaultRedisUrl } from '../../src/testing/redis.ts'
import { type ChildApp, startChildApp } from './child-app.ts'
import { spine } from './spine.fixture.ts'
import { until } from './until.ts'

const users = 20
const updatesEach = 100
/** How often clients are cut, about, and processes. */
const cutEveryMs = 150
const restartEveryMs = 1_500

/** A Redis of this test's own, which may be killed, where the tests are on Redis. */
async function ownRedis(): Promise<RedisServer | undefined> {
  if (defaultRedisUrl() === undefined) return undefined
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  return redis
}

/** What came to a user over all his connections, to whichever process. */
class Reader {
  readonly user: string
  readonly numbers: number[] = []
  connections = 0
  resets = 0
  #isDone = false
  readonly #apps: () => readonly ChildApp[]

  constructor(user: string, apps: () => readonly ChildApp[]) {
    this.user = user
    this.#apps = apps
  }

  get isComplete(): boolean {
    return this.numbers.at(-1) === updatesEach
  }

  /** Connects again and again, to any process, from where it left off. */
  async run(): Promise<void> {
    let resume: string | undefined
    while (!this.#isDone) {
      const apps = this.#apps()
      const app = apps[Math.floor(Math.random() * apps.length)]
      if (!app) throw new Error('no app runs')
      using client = new TestClient(app, { user: this.user, resume })
      const cutAfterMs = this.isComplete ? 1_000 : Math.random() * 2 * cutEveryMs
      await Promise.race([client.ended, delay(cutAfterMs)])
      client.socket.terminate()
      await client.ended
      this.connections += 1
      if (client.has('reset')) this.resets += 1
      this.numbers.push(...client.numbers)
      resume = client.at ?? resume
    }
  }

  end(): void {
    this.#isDone = true
  }
}

test('clients cut at random, and processes killed and restarted: nothing is missed, given twice, or out of order', {
  timeout: 120_000,
}, async () => {
  const redis = await ownRedis()
  const redisUrl = redis?.url ?? ''
  await using pusher = await testApp({ modules: [spine(), ...liveModules], roles: ['worker'], redisUrl })
  const options = { databaseUrl: pusher.databaseUrl, isLive: true, roles: ['api'] as const, redisUrl }
  const apps = await Promise.all([startChildApp(options), startChildApp(options)])
  const readers = Array.from({ length: users }, (_, nth) => new Reader(`user-${nth}`, () => apps))
  const reading = readers.map((reader) => reader.run())
  await until('all are there', () => readers.every(({ connections }) => connections > 0))
  let isPushed = false
  const pushing = pushAll(pusher, readers).then(() => {
    isPushed = true
  })
  for (let nth = 0; !isPushed; nth += 1) {
    await Promise.race([pushing, delay(restartEveryMs)])
    await restart(apps, nth, () => startChildApp(options))
    await (nth % 2 === 0 ? redis?.kill() : redis?.start())
  }
  await redis?.start()
  await until('all have come', () => readers.every(({ isComplete }) => isComplete))
  for (const reader of readers) reader.end()
  await Promise.all(reading)

  const all = Array.from({ length: updatesEach }, (_, n) => n + 1)
  const connections = readers.reduce((sum, reader) => sum + reader.connections, 0)
  if (redis) await cameByRedis(pusher, apps)
  process.stdout.write(`live: ${users * updatesEach} updates over ${connections} connections\n`)
  expect(readers.map(({ numbers }) => numbers)).toEqual(readers.map(() => all))
  expect(readers.reduce((sum, { resets }) => sum + resets, 0)).toBe(0)
})

/** Resolves when every process is given updates by Redis again. */
async function cameByRedis(pusher: Parameters<typeof count>[0], apps: readonly ChildApp[]): Promise<void> {
  await until('updates come by Redis', async () => {
    await count(pusher, 'somebody', [0])
    const pages = await Promise.all(apps.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
    return pages.every((page) => /^millrace_bus_records_total\{from="bus"\} [1-9]/m.test(page))
  })
}

async function pushAll(pusher: Parameters<typeof count>[0], readers: readonly Reader[]): Promise<void> {
  for (let n = 1; n <= updatesEach; n += 1) {
    await Promise.all(readers.map(({ user }) => count(pusher, user, [n])))
    await delay(30)
  }
}

/** Kills one of two, or stops it well, and puts another in its place; the other one goes on. */
async function restart(apps: ChildApp[], nth: number, start: () => Promise<ChildApp>): Promise<void> {
  const place = nth % 2
  const leaving = apps[place]
  if (nth % 4 < 2) await leaving?.kill()
  else {
    leaving?.signal('SIGTERM')
    await leaving?.ended
  }
  apps[place] = await start()
}
