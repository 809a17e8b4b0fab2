import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, watch, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import type { Logger } from '../../core/logger.ts'
import { silentLogger } from '../../core/logger.ts'
import { startEmbeddedPostgres } from './index.ts'
import { isAlive } from './process.ts'
import { kill, ordinaryUser, query, runApp, temporaryFolder, until, untilGone } from './testbed.fixture.ts'

const run = promisify(execFile)

async function start(directory: string, logger: Logger = silentLogger) {
  const postgres = await startEmbeddedPostgres({ directory, durable: false, logger })
  onTestFinished(() => postgres.stop())
  return postgres
}

async function supervisorOf(server: number): Promise<number> {
  if (process.platform !== 'linux') return Number((await run('ps', ['-o', 'ppid=', '-p', String(server)])).stdout)
  const status = await readFile(`/proc/${server}/status`, 'utf8')
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1])
}

async function killServer(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await untilGone(pid)
}

test('ends with an app that is killed, and the next start has its data', async () => {
  const directory = await temporaryFolder()
  const app = runApp(directory)
  const { url, pid } = await app.said
  await query(url, 'CREATE TABLE kept AS SELECT 7 AS n')
  await kill(app.process)
  const next = await start(directory)

  expect(isAlive(pid)).toBe(false)
  expect(await query(next.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test('ends with an app that ends without stopping it', async () => {
  const app = runApp(await temporaryFolder())
  const { pid } = await app.said
  app.process.stdin?.end()

  await untilGone(pid)
})

test('removes what is temporary also when the app is killed', async () => {
  const directory = join(await temporaryFolder(), 'data')
  const app = runApp(directory, { temporary: true })
  await app.said
  await kill(app.process)

  await until(() => !existsSync(directory))
})

test('takes over from a server that app and supervisor have left behind', async () => {
  const directory = await temporaryFolder()
  const app = runApp(directory)
  const { pid } = await app.said
  process.kill(await supervisorOf(pid), 'SIGKILL')
  await kill(app.process)
  expect(isAlive(pid)).toBe(true)
  await start(directory)

  expect(isAlive(pid)).toBe(false)
})

test('recovers when server, supervisor and app are killed together', async () => {
  const directory = await temporaryFolder()
  const app = runApp(directory)
  const { url, pid } = await app.said
  await query(url, 'CREATE TABLE kept AS SELECT 7 AS n')
  const supervisor = await supervisorOf(pid)
  for (const victim of [supervisor, pid]) process.kill(victim, 'SIGKILL')
  await kill(app.process)
  const next = await start(directory)

  expect(await query(next.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test('starts when the number of a dead server is another program’s now', async () => {
  const directory = await temporaryFolder()
  const first = await start(directory)
  const file = join(first.location, 'cluster/data/postmaster.pid')
  const text = await readFile(file, 'utf8')
  await first.stop()
  const other = await otherProgram()
  await writeFile(file, text.replace(/^\d+/, String(other.pid)))
  await chmod(file, 0o666)
  const second = await start(directory)

  expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(other.exitCode).toBe(null)
})

/** A program of the user whom PostgreSQL runs as. */
async function otherProgram(): Promise<ChildProcess> {
  const program = spawn('sleep', ['600'], { cwd: '/', stdio: 'ignore', ...(await ordinaryUser()) })
  await once(program, 'spawn')
  onTestFinished(() => kill(program))
  return program
}

test('starts after one that was killed while it made the cluster', async () => {
  const directory = await temporaryFolder()
  const home = join(directory, 'postgres')
  await mkdir(home)
  await chmod(home, 0o711)
  const changes = watch(home)
  const app = runApp(directory)
  for await (const { filename } of changes) if (filename?.startsWith('initializing-')) break
  await kill(app.process)
  const postgres = await start(directory)

  expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect((await readdir(home)).toSorted()).toEqual(['cluster', 'server.log'])
})

test('stops a server whose supervisor was killed', async () => {
  const postgres = await start(await temporaryFolder())
  const supervisor = await supervisorOf(postgres.pid)
  await killServer(supervisor)
  expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await postgres.stop()

  expect(isAlive(postgres.pid)).toBe(false)
})

test('reports a server that dies', async () => {
  const { promise: reported, resolve } = Promise.withResolvers<string>()
  const logger = { ...silentLogger, error: (_details: object, message: string) => resolve(message) }
  const postgres = await start(await temporaryFolder(), logger)
  await killServer(postgres.pid)

  expect(await reported).toBe('embedded PostgreSQL: PostgreSQL ended with SIGKILL')
})
