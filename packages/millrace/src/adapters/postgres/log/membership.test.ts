import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Audience, produce, readFrom, record, text } from '../../../conformance/broker/stage.ts'
import { createPostgresDatabase } from '../index.ts'
import type { PostgresBrokerOptions } from './config.ts'
import { createTestLog, quickSession, type TestLog } from './log.fixture.ts'

/** How late the others may notice, beyond the session time-out of one second. */
const slackMs = 1_000

type Timing = Pick<PostgresBrokerOptions, 'sessionTimeout' | 'heartbeat'>

/** A member in a process of its own. */
function startMember(log: TestLog, timing: Timing) {
  const script = fileURLToPath(new URL('./member.fixture.ts', import.meta.url))
  const args = [script, log.url, 'group', 'topic', JSON.stringify(timing)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (count: number) => {
    const found: string[] = []
    while (found.length < count) found.push(String((await lines.next()).value))
    return found.sort()
  }
  return { child, said }
}

async function twoMembers(timing: Timing = quickSession) {
  const log = await createTestLog()
  onTestFinished(() => log[Symbol.asyncDispose]())
  const { broker } = await log.connect(timing)
  await broker.ensureTopics([{ name: 'topic', partitions: 4 }])
  const here = new Audience('here')
  await broker.join({ group: 'group', topics: ['topic'], listener: here })
  await here.holds(4)
  const other = startMember(log, timing)
  expect((await other.said(2)).map((what) => what.split(' ')[0])).toEqual(['assigned', 'assigned'])
  await here.holds(2)
  return { log, broker, here, ...other }
}

test('a process that is killed loses its partitions within the session time-out', async () => {
  const { here, child } = await twoMembers()

  const killedAt = performance.now()
  child.kill('SIGKILL')
  await here.holds(4)

  expect(performance.now() - killedAt).toBeLessThan(1_000 + slackMs)
})

test('a process that is killed is known to be dead long before, as its connections end with it', async () => {
  const { here, child } = await twoMembers({ sessionTimeout: '12s', heartbeat: '200ms' })

  const killedAt = performance.now()
  child.kill('SIGKILL')
  await here.holds(4)

  expect(performance.now() - killedAt).toBeLessThan(9_000)
})

test('processes whose connections are cut again and again do not take each other for dead', async () => {
  const { log, broker, here } = await twoMembers({ sessionTimeout: '6s', heartbeat: '200ms' })
  const told = [...here.told]
  for (let nth = 0; nth < 40; nth += 1) {
    await endConnections(log.url)
    await produceAtLast(() => produce(broker, [record('topic', 'key', String(nth))]))
  }
  expect(here.told).toEqual(told)
})

test('a process that was stopped and resumed knows that all is lost, and joins again', async () => {
  const { here, child, said } = await twoMembers()

  const stoppedAt = performance.now()
  child.kill('SIGSTOP')
  await here.holds(4)
  expect(performance.now() - stoppedAt).toBeLessThan(1_000 + slackMs)
  child.kill('SIGCONT')

  expect((await said(2)).map((what) => what.split(' ')[0])).toEqual(['lost', 'lost'])
  expect((await said(2)).map((what) => what.split(' ')[0])).toEqual(['assigned', 'assigned'])
  await here.holds(2)
})

test('lost connections disturb neither readers nor members', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect({ sessionTimeout: '20s' })
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const audience = new Audience()
  await broker.join({ group: 'group', topics: ['topic'], listener: audience })
  await audience.holds(1)
  const reading = readFrom(audience.partition('topic', 0), 0, 20)

  for (let nth = 0; nth < 20; nth += 1) {
    if (nth % 5 === 0) await endConnections(log.url)
    await produceAtLast(() => produce(broker, [record('topic', 'key', String(nth))]))
  }

  const values = (await reading).map(({ value }) => Number(text(value)))
  expect(values).toEqual([...values].sort((a, b) => a - b))
  expect(audience.told).toEqual(['assigned topic/0'])
})

test('while the database is away for longer than a session all is lost; then members join again and read on', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const audience = new Audience()
  await broker.join({ group: 'group', topics: ['topic'], listener: audience })
  await audience.holds(1)
  await produce(broker, [record('topic', 'key', 'before')])
  const reading = audience.partition('topic', 0).open(1).read(1)

  await allowConnections(log.url, false)
  await audience.until(() => audience.told.includes('lost topic/0'))
  expect(await reading).toEqual([])
  await expect(broker.produce([record('topic', 'key', 'away')])).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  await allowConnections(log.url, true)
  await audience.holds(1)

  await produceAtLast(() => produce(broker, [record('topic', 'key', 'after')]))
  const records = await readFrom(audience.partition('topic', 0), 0, 2)
  expect(records.map(({ value }) => text(value))).toEqual(['before', 'after'])
})

test('a listener that does not let go in time loses the partition', async () => {
  await using log = await createTestLog()
  const [one, two] = await Promise.all([log.connect(), log.connect()])
  await one.broker.ensureTopics([{ name: 'topic', partitions: 2 }])
  const stuck = new Audience('stuck', () => new Promise(() => {}))
  const waiting = new Audience('waiting')
  await one.broker.join({ group: 'group', topics: ['topic'], listener: stuck })
  await stuck.holds(2)

  await two.broker.join({ group: 'group', topics: ['topic'], listener: waiting })
  await waiting.holds(1)

  expect(stuck.told.at(-1)).toBe(`lost ${[...waiting.held.keys()][0]}`)
})

async function endConnections(url: string): Promise<void> {
  const { pathname } = new URL(url)
  await elsewhere(url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [pathname.slice(1)])
}

async function allowConnections(url: string, allowed: boolean): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await elsewhere(url, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS ${allowed}`)
  if (!allowed) await endConnections(url)
}

/** Runs a statement in another database of the same server. */
async function elsewhere(url: string, statement: string, values: unknown[] = []): Promise<void> {
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  const database = createPostgresDatabase({ url: maintenance.href })
  await database.query(statement, values)
  await database.stop()
}

/** Produces again after a connection was lost: whether the first time succeeded is not known. */
async function produceAtLast(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      expect(error).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    }
  }
}
