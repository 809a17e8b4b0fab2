import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type ErrorCode, isMillraceError } from '../core/errors.ts'
import { defineConsumer, defineModule, defineTopic, type Unit } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'

const notes = defineTopic('notes', { key: () => 'all', events: { Noted: z.object({ text: z.string() }) } })
const { Noted } = notes.events
const quick = defineTopic('quick', { publish: 'direct', events: { Sent: z.object({}) } })
const answers = defineTopic('answers', { events: { Answered: z.object({ text: z.string() }) } })
const stranger = defineTopic('stranger', { events: { Seen: z.object({}) } })

const answering = defineConsumer({
  name: 'answering',
  topic: notes,
  on: {
    Noted: ({ data }, unit) => {
      if (data.text === 'question') unit.publish(answers.events.Answered({ text: 'answer' }))
    },
  },
})

let app: TestApp
let logLines: string[]

beforeAll(async () => {
  logLines = []
  app = await testApp({
    modules: [defineModule({ name: 'notes', topics: [notes, quick, answers], consumers: [answering] })],
    logger: pino({ level: 'error' }, { write: (line) => logLines.push(line) }),
  })
  await app.database.query('CREATE TABLE thing (id int PRIMARY KEY)')
  await app.database.query('CREATE TABLE deferred (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)')
})

afterAll(() => app.stop())

beforeEach(async () => {
  await app.settled()
  await app.database.query('TRUNCATE thing, deferred')
  await app.database.query('DELETE FROM millrace.outbox')
})

const insertThing = 'INSERT INTO thing VALUES ($1)'

async function things(): Promise<number[]> {
  const { rows } = await app.database.query<{ id: number }>('SELECT id FROM thing ORDER BY id')
  return rows.map(({ id }) => id)
}

async function published(): Promise<string[]> {
  return (await app.published(Noted)).map(({ data }) => data.text)
}

/** What something rejects with, which must be a Millrace error of this code. */
async function failureOf(code: ErrorCode, work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!isMillraceError(error, code)) throw new Error(`not ${code}`, { cause: error })
  return error
}

class BusinessError extends Error {}

describe('rows and events', () => {
  test('commit together', async () => {
    const result = await app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      unit.publish(Noted({ text: 'a' }), Noted({ text: 'b' }))
      unit.publish(Noted({ text: 'c' }))
      return 'done'
    })
    expect(result).toBe('done')
    expect(await things()).toEqual([1])
    expect(await published()).toEqual(['a', 'b', 'c'])
  })

  test('are rolled back together', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      unit.publish(Noted({ text: 'a' }))
      throw new BusinessError('no')
    })
    await expect(work).rejects.toThrow(BusinessError)
    expect(await things()).toEqual([])
    expect(await published()).toEqual([])
  })

  test('are rolled back together when the database refuses at COMMIT', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query('INSERT INTO deferred VALUES (1), (1)')
      unit.publish(Noted({ text: 'a' }))
    })
    await expect(work).rejects.toMatchObject({ code: '23505' })
    expect(await published()).toEqual([])
  })

  test('an event is written by the last statement: it follows those of whoever held the row lock before', async () => {
    await app.database.query(insertThing, [1])
    const lock = 'SELECT FROM thing WHERE id = 1 FOR UPDATE'
    const locked = Promise.withResolvers<void>()
    const hasPublished = Promise.withResolvers<void>()
    const first = app.millrace.transaction(async (unit) => {
      await unit.db.query(lock)
      locked.resolve()
      await hasPublished.promise
      unit.publish(Noted({ text: 'first' }))
    })
    await locked.promise
    const second = app.millrace.transaction(async (unit) => {
      unit.publish(Noted({ text: 'second' }))
      const waiting = unit.db.query(lock)
      hasPublished.resolve()
      await waiting
    })
    await Promise.all([first, second])
    expect(await published()).toEqual(['first', 'second'])
  })

  test('an event says what it answers: correlation is passed on, causation is the event that was handled', async () => {
    await app.millrace.transaction(async (unit) => unit.publish(Noted({ text: 'question' }, { id: 'q1' })))
    await app.settled()
    const [question] = await app.published(Noted)
    const [answer] = await app.published(answers.events.Answered)
    expect(question?.headers).not.toHaveProperty('ce_causationid')
    expect(question).toMatchObject({ id: 'q1', source: '/test/notes' })
    expect(answer?.headers).toMatchObject({ ce_correlationid: 'q1', ce_causationid: 'q1' })
  })
})

describe('attempt', () => {
  test('undoes rows, events and tasks of the part that failed, and nothing else', async () => {
    const ran: string[] = []
    await app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      unit.publish(Noted({ text: 'before' }))
      unit.afterCommit(() => void ran.push('before'))
      const part = unit.attempt(async () => {
        await unit.db.query(insertThing, [2])
        unit.publish(Noted({ text: 'inside' }))
        unit.afterCommit(() => void ran.push('inside'))
        throw new BusinessError('undo')
      })
      await expect(part).rejects.toThrow(BusinessError)
      unit.publish(Noted({ text: 'after' }))
      expect(await unit.attempt(async () => 'value')).toBe('value')
    })
    expect(await things()).toEqual([1])
    expect(await published()).toEqual(['before', 'after'])
    expect(ran).toEqual(['before'])
  })

  test('nests: an outer one undoes what inner ones have done', async () => {
    await app.millrace.transaction(async (unit) => {
      const outer = unit.attempt(async () => {
        await unit.attempt(async () => {
          await unit.db.query(insertThing, [1])
          unit.publish(Noted({ text: 'inner' }))
        })
        const failing = unit.attempt(async () => {
          unit.publish(Noted({ text: 'innermost' }))
          await unit.db.query('SELECT 1 / 0')
        })
        await expect(failing).rejects.toMatchObject({ code: '22012' })
        await unit.db.query(insertThing, [2])
        throw new BusinessError('undo')
      })
      await expect(outer).rejects.toThrow(BusinessError)
      await unit.db.query(insertThing, [3])
      unit.publish(Noted({ text: 'kept' }))
    })
    expect(await things()).toEqual([3])
    expect(await published()).toEqual(['kept'])
  })

  test('a statement that failed in it fails it, even when its error was caught there', async () => {
    await app.millrace.transaction(async (unit) => {
      const part = unit.attempt(async () => {
        await unit.db.query(insertThing, [1])
        await unit.db.query(insertThing, [1]).catch(() => {})
      })
      await expect(part).rejects.toMatchObject({ code: '23505' })
      await unit.db.query(insertThing, [2])
    })
    expect(await things()).toEqual([2])
  })

  test.each([
    ['another attempt', (unit: Unit) => unit.attempt(async () => {})],
    ['a statement', (unit: Unit) => unit.db.query(insertThing, [3])],
    ['a publish', async (unit: Unit) => unit.publish(Noted({ text: 'other' }))],
  ])('beside one under way, %s is refused: its rollback would undo that too', async (_what, beside) => {
    const work = app.millrace.transaction(async (unit) => {
      const gate = Promise.withResolvers<void>()
      const attempt = unit.attempt(() => gate.promise)
      try {
        await beside(unit)
      } finally {
        gate.resolve()
        await attempt
      }
    })
    await expect(work).rejects.toMatchObject({ code: 'ATTEMPTS_OVERLAP' })
    expect(await things()).toEqual([])
    expect(await published()).toEqual([])
  })
})

describe('a failed statement', () => {
  test('whose error was caught fails the unit by name', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      await unit.db.query(insertThing, [1]).catch(() => {})
      unit.publish(Noted({ text: 'a' }))
    })
    const error = await failureOf('STATEMENT_FAILED_UNSEEN', work)
    expect(error.cause).toMatchObject({ code: '23505' })
    expect(await things()).toEqual([])
    expect(await published()).toEqual([])
  })

  test('is what is told, not the ones that PostgreSQL refused after it', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query('SELECT 1 / 0').catch(() => {})
      await unit.db.query(insertThing, [1])
    })
    expect((await failureOf('STATEMENT_FAILED_UNSEEN', work)).cause).toMatchObject({ code: '22012' })
  })

  test('is what is told of an attempt after it, too', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query('SELECT 1 / 0').catch(() => {})
      await unit.attempt(async () => unit.db.query(insertThing, [1])).catch(() => {})
      await unit.attempt(async () => unit.db.query(insertThing, [1]))
    })
    const error = await work.catch((thrown: unknown) => thrown)
    expect(String((error as Error).cause ?? error)).toContain('division by zero')
  })

  test('that was answered by an error of the domain lets that one pass', async () => {
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      await unit.db.query(insertThing, [1]).catch(() => {
        throw new BusinessError('taken')
      })
    })
    await expect(work).rejects.toThrow(BusinessError)
  })

  test('that nobody waited for is an error, whether it would have failed or not', async () => {
    const leave = (sql: string) =>
      app.millrace.transaction(async (unit) => {
        void unit.db.query(sql)
      })
    await failureOf('STATEMENT_PENDING', leave('SELECT 1'))
    await failureOf('STATEMENT_PENDING', leave('SELECT 1 / 0'))
  })

  test('an attempt that nobody waited for is an error as well, and touches no other transaction', async () => {
    const gate = Promise.withResolvers<void>()
    const left = Promise.withResolvers<unknown>()
    const work = app.millrace.transaction(async (unit) => {
      unit.attempt(() => gate.promise).then(left.resolve, left.resolve)
    })
    await failureOf('STATEMENT_PENDING', work)
    // The connection is lent to others meanwhile: all there are.
    const others = Array.from({ length: 6 }, (_, id) =>
      app.millrace.transaction(async (unit) => {
        await unit.db.query(insertThing, [id])
        gate.resolve()
        await left.promise
      }),
    )
    await Promise.all(others)
    expect(await things()).toEqual([0, 1, 2, 3, 4, 5])
  })
})

test.each(['COMMIT', ' rollback', 'Begin', 'savepoint mine', 'END'])('%s of one’s own is refused', async (text) => {
  const work = app.millrace.transaction(async (unit) => {
    await unit.db.query(insertThing, [1])
    await unit.db.query(text)
  })
  await expect(work).rejects.toMatchObject({ code: 'TRANSACTION_CONTROL' })
  expect(await things()).toEqual([])
})

describe('after its function has ended', () => {
  test('a unit refuses everything', async () => {
    const unit = await app.millrace.transaction(async (open) => open)
    expect(() => unit.publish(Noted({ text: 'late' }))).toThrowError(/after its function had ended/)
    expect(() => unit.attempt(async () => {})).toThrowError(/after its function had ended/)
    expect(() => unit.afterCommit(() => {})).toThrowError(/after its function had ended/)
    await failureOf('UNIT_CLOSED', unit.db.query('SELECT 1'))
  })

  test('what a handler has left running is refused although the next handler has the unit', async () => {
    const late = defineTopic('late', { key: () => 'one', events: { Came: z.object({ n: z.int() }) } })
    const outcome = Promise.withResolvers<unknown>()
    const secondRuns = Promise.withResolvers<void>()
    const consumer = defineConsumer({
      name: 'leaving',
      topic: late,
      on: {
        Came: async ({ data }, unit) => {
          if (data.n === 1) {
            void secondRuns.promise.then(() => unit.db.query('SELECT 1')).then(outcome.resolve, outcome.resolve)
          } else {
            secondRuns.resolve()
            await outcome.promise
          }
        },
      },
    })
    await using t = await testApp({ modules: [defineModule({ name: 'late', topics: [late], consumers: [consumer] })] })
    await t.millrace.transaction(async (unit) => {
      for (const n of [1, 2]) unit.publish(late.events.Came({ n }))
    })
    expect(await outcome.promise).toMatchObject({ code: 'UNIT_CLOSED' })
    await t.settled()
  })

  test('a transaction inside a unit is refused, one that a unit has caused after its end is not', async () => {
    const nested = app.millrace.transaction(() => app.millrace.transaction(async () => {}))
    await failureOf('TRANSACTION_NESTED', nested)
    const after = Promise.withResolvers<unknown>()
    await app.millrace.transaction(async (unit) => {
      unit.afterCommit(() => app.millrace.transaction(async () => 'fine').then(after.resolve, after.resolve))
    })
    expect(await after.promise).toBe('fine')
  })
})

describe('afterCommit', () => {
  test('runs when the rows are to be seen, in order', async () => {
    const done = Promise.withResolvers<number[]>()
    const ran: string[] = []
    await app.millrace.transaction(async (unit) => {
      await unit.db.query(insertThing, [1])
      unit.afterCommit(() => void ran.push('first'))
      unit.afterCommit(async () => done.resolve(await things()))
    })
    expect(await done.promise).toEqual([1])
    expect(ran).toEqual(['first'])
  })

  test('never runs after a rollback', async () => {
    const ran: string[] = []
    const task = (name: string) => () => void ran.push(name)
    const failures = [
      app.millrace.transaction(async (unit) => {
        unit.afterCommit(task('thrown'))
        throw new BusinessError('no')
      }),
      app.millrace.transaction(async (unit) => {
        unit.afterCommit(task('unseen'))
        await unit.db.query('SELECT 1 / 0').catch(() => {})
      }),
      app.millrace.transaction(async (unit) => {
        unit.afterCommit(task('at commit'))
        await unit.db.query('INSERT INTO deferred VALUES (1), (1)')
      }),
    ]
    const outcomes = await Promise.allSettled(failures)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(ran).toEqual([])
  })

  test('logs the errors of its tasks, thrown or rejected, and runs the others', async () => {
    const done = Promise.withResolvers<void>()
    await app.millrace.transaction(async (unit) => {
      unit.afterCommit(() => {
        throw new Error('thrown by a task')
      })
      unit.afterCommit(() => Promise.reject(new Error('rejected by a task')))
      unit.afterCommit(() => done.resolve())
    })
    await done.promise
    // Both have been logged before the promise of the last task was seen to resolve.
    expect(logLines.join()).toContain('thrown by a task')
    expect(logLines.join()).toContain('rejected by a task')
  })
})

describe('publish refuses at the call', () => {
  /** What publishing throws within a unit, which then commits. */
  async function refusal(...events: readonly unknown[]): Promise<unknown> {
    return app.millrace.transaction(async (unit) => {
      try {
        unit.publish(...(events as ReturnType<typeof Noted>[]))
        return undefined
      } catch (error) {
        return error
      }
    })
  }

  test.each([
    ['PUBLISH_MODE_WRONG', quick.events.Sent({})],
    ['EVENT_UNKNOWN', stranger.events.Seen({})],
    ['EVENT_INVALID', Noted({ text: 1 as unknown as string })],
    ['RECORD_TOO_LARGE', Noted({ text: 'x'.repeat(1_000_000) })],
  ] as const)('%s', async (code, event) => {
    expect(await refusal(Noted({ text: 'good' }), event)).toMatchObject({ code })
    // All or nothing: what stood before it in the same call is not published either.
    expect(await published()).toEqual([])
  })

  test('PUBLISH_MODE_WRONG, of an outbox topic that is published directly', async () => {
    await failureOf('PUBLISH_MODE_WRONG', app.millrace.publish(Noted({ text: 'a' }) as never))
  })
})
