import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresDatabase } from './database.ts'
import { rejection, Server } from './server.fixture.ts'

let server: Server

beforeAll(async () => {
  server = await Server.create()
})

afterAll(() => server[Symbol.asyncDispose]())

/** Transactions that stay open until they are let go. */
function open(database: ReturnType<Server['connect']>, count: number, share: 'request' | 'worker' | 'system') {
  const gate = Promise.withResolvers<void>()
  let begun = 0
  const allBegun = Promise.withResolvers<void>()
  const ended = Array.from({ length: count }, () =>
    database.transaction(
      async (transaction) => {
        await transaction.query('SELECT 1')
        begun += 1
        if (begun === count) allBegun.resolve()
        await gate.promise
      },
      { share },
    ),
  )
  return {
    allBegun: allBegun.promise,
    get begun() {
      return begun
    },
    async end() {
      gate.resolve()
      await Promise.all(ended)
    },
  }
}

describe('connections', () => {
  test('a call that gets none in time is told that the pool is exhausted', async () => {
    const database = server.connect({ poolSize: 2, acquireTimeout: '1s' })
    const holders = open(database, 2, 'request')
    await holders.allBegun
    const error = await rejection(database.query('SELECT 1'))
    expect(error).toMatchObject({ code: 'DATABASE_POOL_EXHAUSTED', details: { wait: 1_000 } })
    expect(database.faultOf(error)).toBe('unavailable')
    await holders.end()
    await database.query('SELECT 1')
  })

  test('chunks leave some to requests, however many there are', async () => {
    const database = server.connect({ poolSize: 5, acquireTimeout: '5s' })
    const chunks = open(database, 20, 'worker')
    const results = await Promise.all(Array.from({ length: 8 }, () => database.query('SELECT 1')))
    expect(results).toHaveLength(8)
    expect(chunks.begun).toBeLessThanOrEqual(4)
    await chunks.end()
    expect(chunks.begun).toBe(20)
  })

  test('the framework has its own, which user code cannot take', async () => {
    const database = server.connect({ poolSize: 2 })
    const users = open(database, 2, 'request')
    await users.allBegun
    await database.on('system').query('SELECT 1')
    await users.end()
  })

  test('an idle connection that is lost is replaced', async () => {
    const database = server.connect({ applicationName: 'idle' })
    await Promise.all([database.query('SELECT 1'), database.on('system').query('SELECT 1')])
    expect(await server.kill('idle')).toBeGreaterThanOrEqual(2)
    // The loss may be noticed only by a statement that is sent on it.
    let failures = 0
    while ((await rejection(database.query('SELECT 1'))) !== undefined) failures += 1
    expect(failures).toBeLessThanOrEqual(1)
    await database.query('SELECT 1')
  })

  test('a server that is not there makes calls fail by name', async () => {
    const database = createPostgresDatabase({ url: 'postgres://user@127.0.0.1:1/none', acquireTimeout: '1s' })
    const attempts = [database.query('SELECT 1'), database.tryLock('a'), database.listen('a', () => {})]
    for (const error of await Promise.all(attempts.map(rejection))) {
      expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
      expect(database.faultOf(error)).toBe('unavailable')
    }
    await database.stop()
  })

  test('a transaction left open by a process that says nothing is ended by the server', async () => {
    const database = server.connect({ idleInTransactionTimeout: '50ms', applicationName: 'silent' })
    const client = await server.client()
    const work = database.transaction(async (transaction) => {
      await transaction.query('SELECT 1')
      while ((await client.query("SELECT FROM pg_stat_activity WHERE application_name = 'silent'")).rowCount);
      await transaction.query('SELECT 1')
    })
    expect(database.faultOf(await rejection(work))).toBe('unavailable')
  })

  test('stopping twice is stopping once, and later calls fail by name', async () => {
    const database = server.connect()
    await database.listen('a', () => {})
    await Promise.all([database.stop(), database.stop()])
    await database.stop()
    database.notify('a')
    for (const late of [database.query('SELECT 1'), database.tryLock('a'), database.listen('a', () => {})]) {
      expect(await rejection(late)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    }
  })
})
