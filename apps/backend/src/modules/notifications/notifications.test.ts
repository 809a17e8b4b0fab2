import { Writable } from 'node:stream'
import { createLogger, defineModule } from 'millrace'
import { testApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { bind } from '../../database.ts'
import { takeRecords } from './consumers.ts'
import { genericTopic, NotificationRequested, notificationTopic, roundTopic } from './events.ts'
import { admin, all, asked, counted, noting, post, produce, start, stateCounts } from './notifications.fixture.ts'

interface Letter {
  readonly code: string
  readonly reason: string
}

describe('records', () => {
  test('of other programs are plain JSON, and each becomes a row that is sent', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender }, { topicPartitions: 1 })
    await produce(t, asked())
    await produce(t, asked({ user_id: 42, content: 'چائے 🍵' }))
    await t.settled()
    expect(await all(t)).toMatchObject([
      { user_id: 'ada', event: 'order_shipped', content: 'It is on its way.', state: 'sent', attempts: 1 },
      { user_id: '42', content: 'چائے 🍵', state: 'sent', sent_at: expect.any(String), last_error: null },
    ])
    expect(sent.map(({ userId }) => userId).toSorted()).toEqual(['42', 'ada'])
  })

  test('that do not fit are dead letters with the reason; the others of their batch are handled', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender, batchWait: '500ms' }, { topicPartitions: 1 })
    const { user_id, event, content } = asked()
    const bad: [unknown, string][] = [
      [{ event, content }, 'user_id'],
      [{ user_id, content }, 'event'],
      [{ user_id, event }, 'content'],
      [{ user_id: '', event, content }, 'must not be empty'],
      [{ user_id, event, content: 'a\0b' }, 'NUL characters'],
      [{ user_id, event, content: { text: 'x' } }, 'content'],
      ['no JSON', 'JSON'],
      ['null', 'expected object'],
    ]
    for (const [value] of bad) {
      await produce(t, asked())
      await produce(t, value)
    }
    await t.settled()
    expect(sent).toHaveLength(bad.length)
    expect(await stateCounts(t)).toEqual({ sent: bad.length })
    const { rows } = await t.database.query<Letter>('SELECT code, reason FROM millrace.dead_letter ORDER BY id')
    expect(rows.map(({ reason }) => reason)).toEqual(bad.map(([, reason]) => expect.stringContaining(reason)))
    expect(new Set(rows.map(({ code }) => code))).toEqual(new Set(['RECORD_INVALID', 'RECORD_UNDECODABLE']))
  })

  test('of other modules are published in their units of work', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender })
    const undone = t.millrace.transaction(async (unit) => {
      unit.publish(NotificationRequested(asked({ event: 'undone' })))
      throw new Error('on second thoughts')
    })
    await expect(undone).rejects.toThrow('on second thoughts')
    await t.millrace.transaction(async (unit) => unit.publish(NotificationRequested(asked())))
    await t.settled()
    expect(sent).toMatchObject([{ userId: 'ada', event: 'order_shipped' }])
  })

  test('come in batches of 25, or of what came in the time they wait', async () => {
    await using t = await start({ batchWait: '1s' }, { topicPartitions: 1 })
    await t.millrace.transaction(async (unit) => {
      for (let n = 0; n < 60; n += 1) unit.publish(NotificationRequested(asked({ content: `${n}` })))
    })
    await t.settled()
    // Rows of one statement were written by one transaction.
    const { rows } = await t.database.query<{ size: number }>(
      'SELECT count(*)::int AS size FROM notifications.notification GROUP BY created_at ORDER BY created_at',
    )
    expect(rows.map(({ size }) => size)).toEqual([25, 25, 10])
    expect((await all(t)).map(({ content }) => content)).toEqual(Array.from({ length: 60 }, (_, n) => `${n}`))
  })
})

describe('topics', () => {
  test('generic_topic takes any JSON: it is counted, and logged for debugging', async () => {
    const log = logTo([])
    await using t = await start({ logger: log.logger })
    await produce(t, { some: ['thing'] }, 'generic_topic')
    await produce(t, '17', 'generic_topic')
    await t.settled()
    expect(await counted(t, 'generic_messages')).toBe(2)
    expect(log.lines).toEqual(expect.arrayContaining([expect.stringContaining('{"some":["thing"]}')]))
    expect(await stateCounts(t)).toEqual({})
  })

  test('that nobody handles are warned about once, and counted', async () => {
    const log = logTo([])
    const module = defineModule({
      name: 'notifications',
      topics: [notificationTopic, genericTopic, roundTopic],
      consumers: (millrace) => [
        takeRecords(millrace, {
          batchSize: 2,
          batchWait: 0,
          logger: log.logger,
          handlers: { notifications: () => {} },
        }),
      ],
    })
    await using t = await testApp({ modules: [module], bind })
    for (let n = 0; n < 6; n += 1) await produce(t, { n }, 'generic_topic')
    await produce(t, asked())
    await t.settled()
    expect(await counted(t, 'notifications_unhandled')).toBe(6)
    expect(log.lines.filter((line) => line.includes('nobody handles'))).toHaveLength(1)
  })

  test('are not consumed while the consumer is paused, by an operator or by a setting', async () => {
    await using off = await start({}, { pausedConsumers: ['notifications'] })
    await produce(off, asked())
    const progress = async () => (await off.http.get('/health/progress')).json().consumers
    expect(await progress()).toContainEqual(expect.objectContaining({ name: 'notifications', ok: true, paused: true }))
    const resumed = await admin(off, 'POST', '/consumers/notifications/resume')
    expect([resumed.statusCode, resumed.json().code]).toEqual([409, 'CONSUMER_PAUSED_BY_SETTING'])
    // What is asked for over HTTP is no matter of that consumer.
    await post(off)
    await expect.poll(() => stateCounts(off)).toEqual({ sent: 1 })
    await off.app.stop()

    await using on = await start({}, { databaseUrl: off.databaseUrl })
    await expect.poll(() => stateCounts(on)).toEqual({ sent: 2 })
    await admin(on, 'POST', '/consumers/notifications/pause')
    await produce(on, asked())
    await admin(on, 'POST', '/consumers/notifications/resume')
    await on.settled()
    expect(await stateCounts(on)).toEqual({ sent: 3 })
  })
})

describe('over HTTP', () => {
  test('a notification that is asked for is there at once, and sent soon', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender })
    const answer = await post(t)
    expect([answer.statusCode, answer.json()]).toMatchObject([
      201,
      { user_id: 'ada', state: 'unsent', attempts: 0, next_attempt_at: null, sent_at: null },
    ])
    const { id } = answer.json()
    await t.settled()
    expect((await t.http.get(`/notifications/${id}`)).json()).toMatchObject({ id, state: 'sent', attempts: 1 })
    expect(sent).toMatchObject([{ id }])
  })

  test('the same Idempotency-Key is the same notification, also at the same time; for another one it is refused', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender })
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(t, asked(), 'a-key')))
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]))
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1)
    const other = await post(t, asked({ content: 'something else' }), 'a-key')
    expect([other.statusCode, other.json().code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    await t.settled()
    expect(sent).toHaveLength(1)
  })

  test('what does not fit is refused', async () => {
    await using t = await start({}, { roles: ['api'] })
    for (const body of [{}, asked({ content: '' }), asked({ user_id: 1.5 }), asked({ event: 'x'.repeat(201) })]) {
      expect((await post(t, body)).statusCode).toBe(422)
    }
    expect((await post(t, asked(), 'x'.repeat(201))).statusCode).toBe(422)
    expect((await t.http.get('/notifications/no-uuid')).statusCode).toBe(422)
    const unknown = await t.http.get(`/notifications/${crypto.randomUUID()}`)
    expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'NOT_FOUND'])
    for (const query of ['state=lost', 'limit=0', 'limit=201', 'after=x']) {
      expect((await t.http.get(`/notifications?${query}`)).statusCode).toBe(422)
    }
  })

  test('lists by user and state, the newest first, in pages', async () => {
    await using t = await start({ sender: noting(({ event }) => refuse(event)).sender, attempts: 1 })
    for (let n = 0; n < 6; n += 1) {
      await post(t, asked({ user_id: n % 2 ? 'ada' : 'bob', event: n < 4 ? 'fine' : 'bad', content: `${n}` }))
    }
    await t.settled()
    const contents = async (query: string) => {
      const { items, next } = (await t.http.get(`/notifications?${query}`)).json()
      return [items.map(({ content }: { content: string }) => content).join(), next]
    }
    expect(await contents('user_id=ada')).toEqual(['5,3,1', null])
    expect(await contents('state=failed')).toEqual(['5,4', null])
    expect(await contents('state=sent&user_id=bob')).toEqual(['2,0', null])
    const [first, next] = await contents('limit=4')
    expect(first).toBe('5,4,3,2')
    expect(await contents(`limit=4&after=${next}`)).toEqual(['1,0', null])
    expect(await contents('user_id=nobody')).toEqual(['', null])
  })
})

function refuse(event: string): void {
  if (event === 'bad') throw new Error('not today')
}

/** A logger that writes to an array. */
function logTo(lines: string[]) {
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(`${chunk}`)
      done()
    },
  })
  return { lines, logger: createLogger({ level: 'debug', destination }) }
}
