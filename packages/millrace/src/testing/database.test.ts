import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { createTestDatabase, type DatabaseTemplate } from './database.ts'

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

function template(prepared: () => void = () => {}): DatabaseTemplate {
  return {
    name: `things ${randomUUID()}`,
    async prepare(url) {
      prepared()
      await query(url, `CREATE TABLE thing AS SELECT 1 AS id`)
    },
  }
}

test('clones a template, each clone with its own rows', async () => {
  const things = template()
  await using first = await createTestDatabase({ template: things })
  await using second = await createTestDatabase({ template: things })
  await query(first.url, 'INSERT INTO thing VALUES (2)')

  expect(await query(first.url, 'SELECT id FROM thing ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
  expect(await query(second.url, 'SELECT id FROM thing')).toEqual([{ id: 1 }])
})

test('prepares a template once, whoever asks at the same time', async () => {
  let times = 0
  const things = template(() => times++)
  const made = await Promise.all([1, 2, 3, 4].map(() => createTestDatabase({ template: things })))
  await Promise.all(made.map((database) => database.drop()))

  expect(times).toBe(1)
})

test('prepares a template again when the first attempt failed', async () => {
  const things = template()
  const broken = { name: things.name, prepare: () => Promise.reject(new Error('broken migration')) }
  await expect(createTestDatabase({ template: broken })).rejects.toThrow('broken migration')
  await using database = await createTestDatabase({ template: things })

  expect(await query(database.url, 'SELECT id FROM thing')).toEqual([{ id: 1 }])
})

test('is empty without a template', async () => {
  await using database = await createTestDatabase()

  const tables = await query(database.url, `SELECT FROM pg_tables WHERE schemaname = 'public'`)
  expect(tables).toEqual([])
})

test('drops a database that is in use, and twice without complaint', async () => {
  const database = await createTestDatabase()
  const client = new Client({ connectionString: database.url })
  client.on('error', () => {})
  await client.connect()
  await database.drop()
  await database.drop()

  await expect(query(database.url, 'SELECT 1')).rejects.toThrow('does not exist')
})

test('clones within milliseconds', async () => {
  const things = template()
  const clone = async () => {
    const begun = performance.now()
    const database = await createTestDatabase({ template: things })
    const took = performance.now() - begun
    await database.drop()
    return took
  }

  // About 15 ms in memory. On a machine that is busy with other tests it may take some attempts to see that.
  let best = await clone()
  while (best > 100) best = Math.min(best, await clone())
})
