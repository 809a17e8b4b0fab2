import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer } from '../core/consumer.ts'
import { defineModule } from '../core/module.ts'
import { defineTopic } from '../core/topic.ts'
import type { TestApp } from '../testing/index.ts'
import { adminOf, countOf, effectsOf, numbers, publishSteps, startSteps, stepsConsumer } from './operations.fixture.ts'

async function audited(t: TestApp) {
  const { rows } = await t.database.query(
    'SELECT consumer, topic, action, by, detail FROM millrace.dead_letter_audit ORDER BY id',
  )
  return rows
}

async function handledBy(t: TestApp): Promise<number> {
  const { rows } = await t.database.query<{ count: number }>('SELECT count(*)::int AS count FROM effect')
  return rows[0]?.count ?? 0
}

describe('a dead letter', () => {
  test('among 10,000 is shown whole; once its handler is mended, a redrive handles it and then those behind it', async () => {
    const failing = new Set(['k7/50'])
    await using t = await startSteps([stepsConsumer('steps', failing)])
    const admin = adminOf(t)
    const keys = numbers(100).map((n) => `k${n}`)
    await publishSteps(t, keys, 0, 100)
    await expect.poll(() => handledBy(t), { timeout: 40_000, interval: 200 }).toBe(10_000 - 50)
    await t.settled()
    expect((await effectsOf(t, 'steps'))['k7']).toEqual(numbers(50))

    const list = (await admin.get('/dead-letters?consumer=steps&held=true')).json()
    expect(list).toMatchObject({ next: null, items: [{ topic: 'steps', code: 'Error', attempts: 2, held: true }] })
    const { id } = list.items[0]
    expect((await admin.get(`/dead-letters/${id}`)).json()).toMatchObject({
      ...{ id, consumer: 'steps', reason: 'k7/50 fails', attempts: 2, redriven: 0, held: true, waiting: 49 },
      key: { text: 'k7', base64: Buffer.from('k7').toString('base64') },
      value: { json: { key: 'k7', n: 50 }, text: '{"key":"k7","n":50}' },
      headers: expect.arrayContaining([{ name: 'ce_type', text: 'Step', base64: expect.any(String) }]),
      stack: expect.stringContaining('operations.fixture.ts'),
    })

    failing.clear()
    const redriven = await admin.post('/dead-letters/redrive', { ids: [id], by: 'anna' })
    expect([redriven.statusCode, redriven.json()]).toEqual([
      200,
      { dryRun: false, done: 1, skipped: 0, reasons: [], next: null },
    ])
    await t.settled()
    const found = await effectsOf(t, 'steps')
    for (const key of keys) expect(found[key]).toEqual(numbers(100))
    for (const table of ['dead_letter', 'parked', 'held_key'] as const) expect(await countOf(t, table)).toBe(0)
    expect(await audited(t)).toEqual([
      { consumer: 'steps', topic: 'steps', action: 'redrive', by: 'anna', detail: 'Error: k7/50 fails' },
    ])
    expect((await admin.get(`/dead-letters/${id}`)).json()).toMatchObject({ status: 404, code: 'DEAD_LETTER_UNKNOWN' })
  }, 60_000)

  test('is redriven to the consumer that gave it up, and to no other one of its topic', async () => {
    const failing = new Set(['a/1'])
    await using t = await startSteps([stepsConsumer('one', failing), stepsConsumer('two', new Set())])
    await publishSteps(t, ['a', 'b'], 0, 3)
    await t.settled()
    failing.clear()
    await adminOf(t).post('/dead-letters/redrive', { consumer: 'one' })
    await t.settled()
    expect(await effectsOf(t, 'one')).toEqual({ a: numbers(3), b: numbers(3) })
    expect(await effectsOf(t, 'two')).toEqual({ a: numbers(3), b: numbers(3) })
  })

  test('whose later records have gone on is redriven alone', async () => {
    const failing = new Set(['a/1'])
    await using t = await startSteps([stepsConsumer('steps', failing, { onDeadLetter: 'continue' })])
    await publishSteps(t, ['a'], 0, 4)
    await t.settled()
    failing.clear()
    await adminOf(t).post('/dead-letters/redrive', { all: true })
    await t.settled()
    expect(await effectsOf(t, 'steps')).toEqual({ a: [0, 2, 3, 1] })
  })

  test('that was handled after a seek is not handled again', async () => {
    const failing = new Set(['a/1'])
    const consumer = stepsConsumer('steps', failing, { onDeadLetter: 'continue' })
    await using first = await startSteps([consumer])
    await publishSteps(first, ['a'], 0, 3)
    await first.settled()
    await first.app.stop()
    failing.clear()
    await using t = await startSteps([consumer], { databaseUrl: first.databaseUrl, roles: ['api'] })
    await t.database.query('UPDATE millrace.position SET next_offset = 0, generation = generation + 1')
    await using again = await startSteps([consumer], { databaseUrl: first.databaseUrl })
    await again.settled()
    const handled = { a: [0, 2, 0, 1, 2] }
    expect(await effectsOf(again, 'steps')).toEqual(handled)
    expect((await adminOf(t).post('/dead-letters/redrive', { all: true })).json()).toMatchObject({ done: 1 })
    await again.settled()
    expect(await effectsOf(again, 'steps')).toEqual(handled)
    expect([await countOf(t, 'parked'), await countOf(t, 'dead_letter')]).toEqual([0, 0])
  })

  test('that fails again is one again, ahead of those behind it, and knows how often it was redriven', async () => {
    await using t = await startSteps([stepsConsumer('steps', new Set(['a/1']))])
    const admin = adminOf(t)
    await publishSteps(t, ['a'], 0, 4)
    await t.settled()
    const item = async () => (await admin.get('/dead-letters')).json().items[0]
    for (const times of numbers(2)) {
      expect(await item()).toMatchObject({ redriven: times, attempts: 2, held: true })
      expect((await admin.post('/dead-letters/redrive', { all: true })).json()).toMatchObject({ done: 1, next: null })
      await t.settled()
    }
    await t.database.query('UPDATE millrace.dead_letter SET redriven = 10')
    const { id } = await item()
    const refused = (await admin.post('/dead-letters/redrive', { all: true })).json()
    expect(refused).toMatchObject({ done: 0, skipped: 1, reasons: [{ id, why: 'redriven-too-often' }] })
    expect((await admin.post('/dead-letters/redrive', { all: true, force: true })).json()).toMatchObject({ done: 1 })
    await t.settled()
    expect(await item()).toMatchObject({ redriven: 11 })
    expect(await effectsOf(t, 'steps')).toEqual({ a: [0] })
    expect(await countOf(t, 'parked')).toBe(2)
  })

  test('is discarded, and those behind it go on', async () => {
    await using t = await startSteps([stepsConsumer('steps', new Set(['a/1', 'b/2']))])
    const admin = adminOf(t)
    await publishSteps(t, ['a', 'b'], 0, 5)
    await t.settled()
    expect((await admin.post('/dead-letters/discard', { reason: 'A/1 FAILS' })).json()).toMatchObject({ done: 1 })
    await t.settled()
    expect(await effectsOf(t, 'steps')).toEqual({ a: [0, 2, 3, 4], b: [0, 1] })
    expect([await countOf(t, 'dead_letter'), await countOf(t, 'held_key'), await countOf(t, 'parked')]).toEqual([
      1, 1, 2,
    ])
    expect(await audited(t)).toEqual([
      { consumer: 'steps', topic: 'steps', action: 'discard', by: 'http', detail: 'Error: a/1 fails' },
    ])
  })

  test('is brought back by a process that runs no consumers; one that does hears of it', async () => {
    const failing = new Set(['a/1'])
    const consumer = stepsConsumer('steps', failing)
    await using worker = await startSteps([consumer])
    await using api = await startSteps([consumer], { databaseUrl: worker.databaseUrl, roles: ['api'] })
    await publishSteps(worker, ['a'], 0, 3)
    await worker.settled()
    failing.clear()
    await adminOf(api).post('/dead-letters/redrive', { topic: 'steps' })
    await expect.poll(() => effectsOf(worker, 'steps'), { timeout: 1_000 }).toEqual({ a: numbers(3) })
  })
})

describe('many dead letters', () => {
  const keys = numbers(8).map((n) => `k${String(n).padStart(2, '0')}`)
  const start = async () => {
    const failing = new Set(keys.map((key) => `${key}/0`))
    // Fewer than make it look as if all failed, when none would be given up.
    const t = await startSteps([stepsConsumer('steps', failing, { attempts: 1 })])
    await publishSteps(t, keys, 0, 1)
    await t.settled()
    return Object.assign(t, { failing, admin: adminOf(t) })
  }

  test('are listed in pages, and by what is asked for', async () => {
    await using t = await start()
    const ids = async (query: string) => {
      const { items, next } = (await t.admin.get(`/dead-letters?${query}`)).json()
      return { keys: items.map((item: { key: { text: string } }) => item.key.text), next, items }
    }
    const first = await ids('limit=3')
    const second = await ids(`limit=3&after=${first.next}`)
    const third = await ids(`limit=3&after=${second.next}`)
    expect([...first.keys, ...second.keys, ...third.keys]).toEqual(keys)
    expect(third.next).toBeNull()
    const [{ id }] = second.items
    await t.database.query(
      `UPDATE millrace.dead_letter d SET failed_at = timestamptz '2026-01-01T10:00Z' + interval '1 minute' *
         (SELECT count(*) FROM millrace.dead_letter before WHERE before.id < d.id)`,
    )
    expect((await ids('since=2026-01-01T10:06:00Z')).keys).toEqual(['k06', 'k07'])
    expect((await ids('until=2026-01-01T12:01:00%2B02:00')).keys).toEqual(['k00'])
    expect((await ids(`ids=${id},999`)).keys).toEqual(['k03'])
    expect((await ids('reason=K05')).keys).toEqual(['k05'])
    for (const none of ['consumer=other', 'topic=other', 'withoutConsumer=true']) {
      expect((await ids(none)).keys).toEqual([])
    }
  })

  test('are only counted on a dry run', async () => {
    await using t = await start()
    const answer = await t.admin.post('/dead-letters/redrive', { consumer: 'steps', dryRun: true })
    expect(answer.json()).toEqual({ dryRun: true, done: 8, skipped: 0, reasons: [], next: null })
    expect(await countOf(t, 'dead_letter')).toBe(8)
    expect(await audited(t)).toEqual([])
  })

  test('are redriven so many at a time, the oldest first, and none twice', async () => {
    await using t = await start()
    const first = (await t.admin.post('/dead-letters/redrive', { all: true, max: 3 })).json()
    expect(first).toMatchObject({ done: 3, next: expect.any(String) })
    // Those have failed again: they are not among the rest.
    await t.settled()
    const rest = (await t.admin.post('/dead-letters/redrive', { all: true, next: first.next })).json()
    expect(rest).toMatchObject({ done: 5, next: null })
    await t.settled()
    const { items } = (await t.admin.get('/dead-letters')).json()
    expect(items.map(({ redriven }: { redriven: number }) => redriven)).toEqual(keys.map(() => 1))
  })

  test('are redriven no faster than asked for', async () => {
    await using t = await start()
    t.failing.clear()
    const began = performance.now()
    expect((await t.admin.post('/dead-letters/redrive', { all: true, rate: 20 })).json()).toMatchObject({ done: 8 })
    expect(performance.now() - began).toBeGreaterThanOrEqual(8 * 50 - 20)
    await t.settled()
    expect(Object.keys(await effectsOf(t, 'steps'))).toHaveLength(keys.length)
  })

  test('are not meant by saying nothing', async () => {
    await using t = await start()
    for (const path of ['/dead-letters/redrive', '/dead-letters/discard']) {
      for (const body of [{}, { dryRun: true }, { ids: [] }, { ids: ['x'] }, { reason: '\0' }]) {
        expect((await t.admin.post(path, body)).statusCode).toBe(422)
      }
    }
    expect(await countOf(t, 'dead_letter')).toBe(8)
  })
})

describe('what cannot be decoded', () => {
  const withNumber = <N extends z.ZodType<number>>(n: N) =>
    defineTopic('steps', { events: { Step: z.object({ key: z.string(), n }) } })
  const headers = Object.entries({ ce_id: '1', ce_source: '/s', ce_type: 'Step' }).map(
    ([name, value]) => [name, Buffer.from(value)] as const,
  )
  const record = { topic: 'steps', key: Buffer.from('a'), value: Buffer.from('{"key":"a","n":"7"}'), headers }

  const start = (n: z.ZodType<number>, databaseUrl?: string) => {
    const topic = withNumber(n)
    const consumer = defineConsumer({
      name: 'steps',
      topic,
      on: {
        Step: async ({ data }, unit) =>
          void (await unit.db.query("INSERT INTO effect (consumer, key, n) VALUES ('steps', $1, $2)", [
            data.key,
            data.n,
          ])),
      },
    })
    const modules = [defineModule({ name: 'steps', topics: [topic], consumers: [consumer] })]
    return startSteps([], { modules, ...(databaseUrl && { databaseUrl }) })
  }

  test('is a dead letter again at once when it is redriven too early, and handled once when its contract is mended', async () => {
    await using t = await start(z.int())
    await t.produce(record)
    await t.settled()
    const item = async () => (await adminOf(t).get('/dead-letters')).json().items[0]
    expect(await item()).toMatchObject({ code: 'RECORD_INVALID', attempts: 0, redriven: 0, held: false })
    await adminOf(t).post('/dead-letters/redrive', { all: true })
    await t.settled()
    expect(await item()).toMatchObject({ code: 'RECORD_INVALID', attempts: 0, redriven: 1, held: false })
    await t.app.stop()

    await using mended = await start(z.coerce.number(), t.databaseUrl)
    await adminOf(mended).post('/dead-letters/redrive', { all: true })
    await mended.settled()
    expect(await effectsOf(mended, 'steps')).toEqual({ a: [7] })
    // Sent again by its producer, it is a duplicate of what has been handled now.
    await mended.produce(record)
    await mended.settled()
    expect(await effectsOf(mended, 'steps')).toEqual({ a: [7] })
    expect(await countOf(mended, 'dead_letter')).toBe(0)
  })
})

describe('a refused publish', () => {
  const refuse = (t: TestApp, topic: string) =>
    t.database.query(
      `INSERT INTO millrace.dead_letter (topic, recorded_at, key, value, headers, code, reason, attempts)
       VALUES ($1, now(), 'a', '{"key":"a","n":3}', '\\x', 'RECORD_REFUSED', 'by policy', 1)`,
      [topic],
    )

  test('is published again, and reaches the topic’s consumers', async () => {
    await using t = await startSteps([stepsConsumer('one', new Set()), stepsConsumer('two', new Set())])
    const admin = adminOf(t)
    await refuse(t, 'steps')
    await refuse(t, 'gone')
    const list = (await admin.get('/dead-letters?withoutConsumer=true&topic=steps')).json()
    expect(list.items).toMatchObject([{ consumer: null, offset: null, partition: null, code: 'RECORD_REFUSED' }])
    const outcome = (await admin.post('/dead-letters/redrive', { withoutConsumer: true })).json()
    expect(outcome).toMatchObject({ done: 1, skipped: 1, reasons: [{ why: 'topic-unknown' }] })
    await t.settled()
    expect([await effectsOf(t, 'one'), await effectsOf(t, 'two')]).toEqual([{ a: [3] }, { a: [3] }])
    expect(await audited(t)).toMatchObject([{ consumer: null, topic: 'steps', action: 'redrive' }])
  })
})
