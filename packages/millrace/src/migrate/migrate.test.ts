import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPostgresDatabase } from '../adapters/postgres/index.ts'
import { silentLogger } from '../core/logger.ts'
import type { Database } from '../ports/database.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { type MigrationSet, migrate } from './migrate.ts'

let server: TestDatabase
let databases: Database[]
let folder: string
let set: MigrationSet

beforeEach(async () => {
  server = await createTestDatabase()
  databases = []
  folder = await mkdtemp(join(tmpdir(), 'millrace-migrate-'))
  set = { owner: 'things', folder: pathToFileURL(`${folder}/`) }
})

afterEach(async () => {
  await Promise.all(databases.map((database) => database.stop()))
  await server.drop()
  await rm(folder, { recursive: true })
})

/** As another process would. */
function connect(): Database {
  const database = createPostgresDatabase({ url: server.url, poolSize: 2 })
  databases.push(database)
  return database
}

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql)
}

function run(database = connect(), sets: readonly MigrationSet[] = [set]): Promise<void> {
  return migrate(database, sets, silentLogger)
}

async function rowsOf(sql: string): Promise<unknown[]> {
  return (await connect().query(sql)).rows
}

const applied = "SELECT owner || '/' || number AS id FROM millrace.migration ORDER BY owner, number"

describe('migrations', () => {
  test('run in the order of the sets and their numbers, once each', async () => {
    await write({
      '0002_more.sql': 'INSERT INTO step VALUES (2)',
      '0010_last.sql': 'INSERT INTO step VALUES (10)',
      '0001_first.sql': 'CREATE TABLE step (n int, seq serial); INSERT INTO step VALUES (1);',
      'README.md': 'not SQL',
    })
    await run()
    await run()
    expect(await rowsOf('SELECT n FROM step ORDER BY seq')).toEqual([{ n: 1 }, { n: 2 }, { n: 10 }])
    await write({ '0011_new.sql': 'INSERT INTO step VALUES (11)' })
    await run()
    expect(await rowsOf(applied)).toEqual([1, 2, 10, 11].map((number) => ({ id: `things/${number}` })))
  })

  test('of several owners have numbers of their own', async () => {
    await write({ '0001_same.sql': 'SELECT 1' })
    await run(connect(), [set, { ...set, owner: 'others' }])
    expect(await rowsOf(applied)).toEqual([{ id: 'others/1' }, { id: 'things/1' }])
  })

  test('run once when many processes start on an empty database at the same time', async () => {
    await write({
      '0001_first.sql': 'CREATE TABLE step (n int)',
      '0002_slow.sql': 'INSERT INTO step SELECT 2 FROM pg_sleep(0.02)',
      '0003_third.sql': 'INSERT INTO step VALUES (3)',
    })
    await Promise.all(Array.from({ length: 12 }, () => run()))
    expect(await rowsOf('SELECT n FROM step ORDER BY n')).toEqual([{ n: 2 }, { n: 3 }])
  })

  test('whose file has changed are refused by name; line ends do not count', async () => {
    await write({ '0001_first.sql': 'SELECT 1;\nSELECT 2;' })
    await run()
    await write({ '0001_first.sql': 'SELECT 1;\r\nSELECT 2;' })
    await run()
    await write({ '0001_first.sql': 'SELECT 3' })
    await expect(run()).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
      details: { migration: 'things/0001_first' },
    })
  })

  test('that fail leave nothing, keep those before them, and run once they are corrected', async () => {
    await write({
      '0001_good.sql': 'CREATE TABLE kept (n int)',
      '0002_bad.sql': 'CREATE TABLE half (n int); INSERT INTO half VALUES (1); SELECT 1 / 0;',
    })
    await expect(run()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      details: { migration: 'things/0002_bad', problem: 'division by zero' },
    })
    expect(await rowsOf("SELECT to_regclass('half') AS half, to_regclass('kept')::text AS kept")).toEqual([
      { half: null, kept: 'kept' },
    ])
    await write({ '0002_bad.sql': 'CREATE TABLE half (n int)' })
    await run()
    expect(await rowsOf(applied)).toEqual([{ id: 'things/1' }, { id: 'things/2' }])
  })

  test('of a newer version of the program are left alone', async () => {
    await write({ '0001_first.sql': 'SELECT 1', '0002_newer.sql': 'SELECT 2' })
    await run()
    await rm(join(folder, '0002_newer.sql'))
    await run()
    expect(await rowsOf(applied)).toHaveLength(2)
  })

  test('are found in a folder whose address does not end in a slash', async () => {
    await write({ '0001_first.sql': 'SELECT 1' })
    await run(connect(), [{ ...set, folder: pathToFileURL(folder) }])
    expect(await rowsOf(applied)).toEqual([{ id: 'things/1' }])
  })

  test.each(['1_short.sql', '0001-dash.sql', '0001_Upper.sql', 'first.sql', '0001_.sql'])(
    'in a file named %s are refused',
    async (name) => {
      await write({ [name]: 'SELECT 1' })
      await expect(run()).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
    },
  )

  test('with a number that is taken are refused', async () => {
    await write({ '0001_one.sql': 'SELECT 1', '0001_two.sql': 'SELECT 2' })
    await expect(run()).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  })

  test('of a database that is not there fail by name', async () => {
    const database = createPostgresDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' })
    databases.push(database)
    await write({ '0001_first.sql': 'SELECT 1' })
    await expect(run(database)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })
})
