import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './index.ts'
import { isAlive } from './process.ts'
import { query, runApp, temporaryFolder } from './testbed.fixture.ts'

async function start(directory: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const postgres = await startEmbeddedPostgres({ directory, durable: false, ...options })
  onTestFinished(() => postgres.stop())
  return postgres
}

test('keeps its data over a restart', async () => {
  const directory = await temporaryFolder()
  const first = await start(directory)
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
  await first.stop()
  const second = await start(directory)

  expect(isAlive(first.pid)).toBe(false)
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test('makes the directory and the database that are missing', async () => {
  const directory = join(await temporaryFolder(), 'a', 'b')
  const postgres = await start(directory, { database: 'Some "shop"' })

  expect(await query(postgres.url, 'SELECT current_database() AS name')).toEqual([{ name: 'Some "shop"' }])
})

test('is durable unless told otherwise, and takes settings', async () => {
  const directory = await temporaryFolder()
  const settings = `SELECT current_setting('fsync') AS fsync, current_setting('work_mem') AS work_mem`
  const careful = await start(directory, { durable: true, settings: { work_mem: '7MB' } })
  expect(await query(careful.url, settings)).toEqual([{ fsync: 'on', work_mem: '7MB' }])
  await careful.stop()
  const fast = await start(directory)
  expect(await query(fast.url, settings)).toEqual([{ fsync: 'off', work_mem: '4MB' }])
})

test('lets nobody in without the password, which is its own for each directory', async () => {
  const [one, other] = await Promise.all([start(await temporaryFolder()), start(await temporaryFolder())])
  const url = new URL(one.url)
  url.password = new URL(other.url).password
  expect(url.password).not.toBe(new URL(one.url).password)
  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed')

  url.password = ''
  await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password/)
})

test('listens on the loopback interface only', async () => {
  const postgres = await start(await temporaryFolder())
  const [found] = await query(
    postgres.url,
    `SELECT current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets`,
  )

  expect(found).toEqual({ addresses: '127.0.0.1', sockets: '' })
  expect(Number(new URL(postgres.url).port)).toBeLessThan(32_768)
})

test('refuses a directory that a living app uses, at once, and names it', async () => {
  const directory = await temporaryFolder()
  const said = await runApp(directory).said
  const begun = performance.now()

  await expect(start(directory)).rejects.toMatchObject({
    code: 'EMBEDDED_ALREADY_RUNNING',
    details: { directory, pid: said.pid, port: new URL(said.url).port },
  })
  expect(performance.now() - begun).toBeLessThan(1_000)
  expect(await query(said.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('of two that make the same new directory at once, one wins', async () => {
  const directory = await temporaryFolder()
  const outcomes = await Promise.allSettled([start(directory), start(directory)])
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')

  expect(refused.map((outcome) => outcome.reason)).toMatchObject([{ code: 'EMBEDDED_ALREADY_RUNNING' }])
})

test('stops once, however often it is told', async () => {
  const postgres = await start(await temporaryFolder())
  await Promise.all([postgres.stop(), postgres.stop()])
  await postgres.stop()

  expect(isAlive(postgres.pid)).toBe(false)
})

test('says what PostgreSQL said when it does not start', async () => {
  const problem = expect.stringContaining('no_such_setting')

  await expect(start(await temporaryFolder(), { settings: { no_such_setting: '1' } })).rejects.toMatchObject({
    code: 'EMBEDDED_UNAVAILABLE',
    details: { problem },
  })
})

test('refuses the data of another major version', async () => {
  const directory = await temporaryFolder()
  const postgres = await start(directory)
  await postgres.stop()
  await writeFile(join(postgres.location, 'cluster/data/PG_VERSION'), '15\n')

  await expect(start(directory)).rejects.toMatchObject({
    code: 'EMBEDDED_UNAVAILABLE',
    message: expect.stringContaining('made by PostgreSQL 15'),
  })
})

test('does not go on without its password', async () => {
  const directory = await temporaryFolder()
  const postgres = await start(directory)
  await postgres.stop()
  await rm(join(postgres.location, 'cluster/password'))

  await expect(start(directory)).rejects.toMatchObject({
    code: 'EMBEDDED_UNAVAILABLE',
    message: expect.stringContaining('cluster/password'),
  })
})

test('says when the directory is a file', async () => {
  const file = join(await temporaryFolder(), 'file')
  await appendFile(file, '')

  await expect(start(file)).rejects.toMatchObject({ code: 'EMBEDDED_UNAVAILABLE' })
})

test('keeps a log in its home', async () => {
  const postgres = await start(await temporaryFolder())
  await expect(query(postgres.url, 'SELECT no_such_column')).rejects.toThrow('no_such_column')
  await postgres.stop()

  expect(await readFile(join(postgres.location, 'server.log'), 'utf8')).toContain('no_such_column')
})
