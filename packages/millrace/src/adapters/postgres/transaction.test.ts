import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isMillraceError } from '../../core/errors.ts'
import type { Database } from '../../ports/database.ts'
import { rejection, Server } from './server.fixture.ts'

let server: Server
let database: Database

beforeAll(async () => {
  server = await Server.create()
  database = server.connect()
  await database.query('CREATE TABLE item (id int PRIMARY KEY, note text)')
  await database.query('CREATE TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)')
})

afterAll(() => server[Symbol.asyncDispose]())

async function ids(): Promise<number[]> {
  const { rows } = await database.query<{ id: number }>('SELECT id FROM item ORDER BY id')
  await database.query('TRUNCATE item')
  return rows.map(({ id }) => id)
}

describe('a transaction', () => {
  test('sends statements without waiting for answers, in order, BEGIN first', async () => {
    await database.transaction(async (transaction) => {
      transaction.send({ text: 'INSERT INTO item VALUES (1)' })
      const added = transaction.query('UPDATE item SET id = id + 1 RETURNING id')
      const again = transaction.query('UPDATE item SET id = id + 1 RETURNING id')
      expect(await Promise.all([again, added])).toMatchObject([{ rows: [{ id: 3 }] }, { rows: [{ id: 2 }] }])
    })
    expect(await ids()).toEqual([3])
  })

  test('rolls back when its function throws, and throws the same', async () => {
    const error = new Error('no')
    const work = database.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      throw error
    })
    expect(await rejection(work)).toBe(error)
    expect(await ids()).toEqual([])
  })

  test('rolls back when a statement failed, even if the error was caught, and throws the first', async () => {
    const work = database.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      await transaction.query('SELECT 1 / 0').catch(() => {})
      await transaction.query('SELECT 1').catch(() => {})
      expect(transaction.failure).toMatchObject({ code: '22012' })
    })
    expect(await rejection(work)).toMatchObject({ code: '22012' })
    expect(await ids()).toEqual([])
  })

  test('rolls back when a statement failed whose result nobody reads', async () => {
    const work = database.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      transaction.send({ text: 'SELECT 1 / 0' })
    })
    expect(await rejection(work)).toMatchObject({ code: '22012' })
    expect(await ids()).toEqual([])
  })

  test('throws what a deferred constraint says at COMMIT', async () => {
    const work = database.transaction((transaction) => transaction.query('INSERT INTO later VALUES (1), (1)'))
    const error = await rejection(work)
    expect(error).toMatchObject({ code: '23505' })
    expect(database.faultOf(error)).toBe('statement')
  })

  test('takes the isolation it is asked for', async () => {
    const levelOf = (isolation?: 'repeatable read') =>
      database.transaction(
        async (transaction) => (await transaction.query('SHOW transaction_isolation')).rows[0],
        isolation ? { isolation } : {},
      )
    expect(await levelOf()).toEqual({ transaction_isolation: 'read committed' })
    expect(await levelOf('repeatable read')).toEqual({ transaction_isolation: 'repeatable read' })
  })

  test('sends nothing once it has ended: its connection is somebody else’s', async () => {
    const ended = await database.transaction(async (transaction) => transaction)
    expect(await rejection(ended.query('SELECT 1'))).toMatchObject({ code: 'UNIT_CLOSED' })
  })

  test('whose connection is killed is rolled back, is the database’s fault, and the next one works', async () => {
    const victim = server.connect({ applicationName: 'victim' })
    const work = victim.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      expect(await server.kill('victim')).toBe(1)
      await transaction.query('INSERT INTO item VALUES (2)')
    })
    const error = await rejection(work)
    expect(isMillraceError(error, 'DATABASE_UNAVAILABLE')).toBe(true)
    expect(victim.faultOf(error)).toBe('unavailable')
    await victim.transaction((transaction) => transaction.query('INSERT INTO item VALUES (3)'))
    expect(await ids()).toEqual([3])
  })

  test('that is killed between its last answer and COMMIT has not committed', async () => {
    const victim = server.connect({ applicationName: 'victim at commit' })
    const work = victim.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      expect(await server.kill('victim at commit')).toBe(1)
    })
    expect(victim.faultOf(await rejection(work))).toBe('unavailable')
    expect(await ids()).toEqual([])
  })
})

describe('a savepoint', () => {
  test('undoes its part alone, and the first error is the one that is thrown', async () => {
    await database.transaction(async (transaction) => {
      await transaction.query('INSERT INTO item VALUES (1)')
      const part = transaction.savepoint(async () => {
        await transaction.query('INSERT INTO item VALUES (2)')
        await transaction.query('SELECT 1 / 0').catch(() => {})
        await transaction.query('SELECT 2')
      })
      expect(await rejection(part)).toMatchObject({ code: '22012' })
      expect(transaction.failure).toBeUndefined()
      await transaction.query('INSERT INTO item VALUES (3)')
    })
    expect(await ids()).toEqual([1, 3])
  })

  test('in a transaction that has failed already changes nothing about that', async () => {
    const work = database.transaction(async (transaction) => {
      await transaction.query('SELECT 1 / 0').catch(() => {})
      const part = transaction.savepoint(() => transaction.query('SELECT 1'))
      expect(await rejection(part)).toMatchObject({ code: '22012' })
      expect(transaction.failure).toMatchObject({ code: '22012' })
    })
    expect(await rejection(work)).toMatchObject({ code: '22012' })
  })
})

describe('faultOf', () => {
  const faultOfSql = async (sql: string) => database.faultOf(await rejection(database.query(sql)))
  const raise = (state: string) => `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${state}'; END $$`

  test.each([
    ['unavailable', ['08006', '53100', '53300', '57014', '57P01', '57P03', '25P03', '25P04']],
    ['conflict', ['40001', '40P01', '55P03']],
    ['aborted', ['25P02']],
    ['statement', ['23505', '22012', '42P01', 'P0001', '23514']],
  ] as const)('%s: %j', async (fault, states) => {
    for (const state of states) expect([state, await faultOfSql(raise(state))]).toEqual([state, fault])
  })

  test('a row that no slice of ours takes is not its own fault; one that a check refuses is, wherever', async () => {
    await database.query('CREATE SCHEMA millrace')
    await database.query('CREATE TABLE millrace.sliced (at timestamptz) PARTITION BY RANGE (at)')
    await database.query('CREATE TABLE public.sliced (at timestamptz) PARTITION BY RANGE (at)')
    await database.query('CREATE TABLE millrace.checked (n int CHECK (n > 0))')
    expect(await faultOfSql('INSERT INTO millrace.sliced VALUES (now())')).toBe('unavailable')
    expect(await faultOfSql('INSERT INTO public.sliced VALUES (now())')).toBe('statement')
    expect(await faultOfSql('INSERT INTO millrace.checked VALUES (0)')).toBe('statement')
  })

  test('looks through what query builders wrap around it', async () => {
    const error = await rejection(database.query('SELECT 1 / 0'))
    const wrapped = new Error('in the builder', { cause: new Error('in between', { cause: error }) })
    expect(database.faultOf(wrapped)).toBe('statement')
  })

  test('knows nothing of errors of others, whatever they look like', () => {
    const lookalike = Object.assign(new Error('deadlock detected'), { code: '40P01' })
    const circle = new Error('circle')
    circle.cause = circle
    for (const error of [lookalike, circle, new Error('ECONNRESET'), undefined, null, 'text', 7]) {
      expect(database.faultOf(error)).toBeUndefined()
    }
  })

  test('a deadlock is a conflict', async () => {
    await database.query('INSERT INTO item VALUES (1), (2)')
    const lock = (id: number) => `SELECT FROM item WHERE id = ${id} FOR UPDATE`
    const both = Promise.withResolvers<void>()
    let holders = 0
    const run = (first: number, second: number) =>
      database.transaction(async (transaction) => {
        await transaction.query("SET LOCAL deadlock_timeout = '10ms'")
        await transaction.query(lock(first))
        holders += 1
        if (holders === 2) both.resolve()
        await both.promise
        await transaction.query(lock(second))
      })
    const outcomes = [rejection(run(1, 2)), rejection(run(2, 1))]
    const errors = (await Promise.all(outcomes)).filter((error) => error !== undefined)
    expect(errors.map((error) => database.faultOf(error))).toEqual(['conflict'])
  })
})
