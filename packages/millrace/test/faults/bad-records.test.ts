import { expect, test } from 'vitest'
import * as z from 'zod'
import { decodeHeaders } from '../../src/core/record-headers.ts'
import { defineConsumer, defineModule, defineTopic, type Millrace, type Unit } from '../../src/index.ts'
import type { OutgoingRecord, RecordHeader } from '../../src/ports/index.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'

const attempts = 3
const step = z.object({ n: z.int(), text: z.string().optional() })

/** One partition, so that bad records and the good ones around them share chunks. */
const steps = defineTopic('steps', {
  key: (event) => ('n' in event.data ? String(event.data.n % 5) : null),
  partitions: 1,
  events: { Step: step, Unheard: z.object({}) },
  typeOf: () => 'Step',
})
const results = defineTopic('results', { partitions: 1, events: { Done: z.object({ n: z.int() }) } })

/** What the handler of one step does after its work, given how often it was tried before. */
type Misdeed = (parts: { unit: Unit; millrace: Millrace; text: string; before: number }) => Promise<void> | void

class Final extends Error {
  override readonly name = 'Final'
}

/** A module whose handler writes a row and publishes an event for each step, and then does what is wrong with it. */
function stepsModule(misdeeds: ReadonlyMap<number, Misdeed>) {
  const tried = new Map<number, number>()
  const consumers = (millrace: Millrace) => [
    defineConsumer({
      name: 'steps',
      topic: steps,
      retry: { attempts, backoff: () => 1, isFinal: (error) => error instanceof Final },
      onDeadLetter: 'continue',
      on: {
        Step: async ({ key, data: { n, text = '' } }, unit) => {
          const before = tried.get(n) ?? 0
          tried.set(n, before + 1)
          await unit.db.query('INSERT INTO step (n, key) VALUES ($1, $2)', [n, Buffer.from(key ?? '')])
          unit.publish(results.events.Done({ n }))
          await misdeeds.get(n)?.({ unit, millrace, text, before })
        },
      },
    }),
  ]
  return defineModule({ name: 'steps', topics: [steps, results], consumers })
}

interface DeadLetter {
  readonly offset: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Buffer
  readonly code: string
  readonly reason: string
  readonly stack: string | null
  readonly attempts: number
}

/** What came of records that were all in the log before the consumer began. */
interface Outcome {
  /** The steps whose rows are there, in the order they were written. */
  readonly rows: readonly { readonly n: number; readonly key: Buffer }[]
  /** The steps whose events went out, in order. */
  readonly published: readonly number[]
  readonly deadLetters: readonly DeadLetter[]
  readonly position: number
}

async function handle(
  records: readonly Partial<OutgoingRecord>[],
  misdeeds: ReadonlyMap<number, Misdeed> = new Map(),
): Promise<Outcome> {
  const module = stepsModule(misdeeds)
  await using producer = await testApp({ modules: [module], roles: ['api'] })
  await producer.database.query('CREATE TABLE step (id int GENERATED ALWAYS AS IDENTITY, n int NOT NULL, key bytea)')
  await producer.database.query("CREATE TABLE name (name text PRIMARY KEY); INSERT INTO name VALUES ('taken')")
  for (const record of records) await producer.produce({ topic: steps.name, ...record })
  await using worker = await testApp({ modules: [module], databaseUrl: producer.databaseUrl })
  await worker.settled()
  return await outcome(worker)
}

async function outcome({ database, published }: TestApp): Promise<Outcome> {
  const rows = await database.query<{ n: number; key: Buffer }>('SELECT n, key FROM step ORDER BY id')
  const dead = await database.query<DeadLetter>('SELECT * FROM millrace.dead_letter ORDER BY "offset"')
  const position = await database.query<{ next: string }>('SELECT next_offset AS next FROM millrace.position')
  return {
    rows: rows.rows,
    published: (await published(results.events.Done)).map(({ data }) => data.n),
    deadLetters: dead.rows,
    position: Number(position.rows[0]?.next),
  }
}

/** The n-th step, as a foreign program writes it. */
function foreign(n: number, more: Partial<OutgoingRecord> & { text?: string } = {}): Partial<OutgoingRecord> {
  const { text, ...record } = more
  const value = Buffer.from(JSON.stringify(text === undefined ? { n } : { n, text }))
  return { key: Buffer.from(String(n % 5)), value, ...record }
}

function headers(texts: Readonly<Record<string, string>>): RecordHeader[] {
  return Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)])
}

/** Puts each of these among good records. */
function among(records: readonly Partial<OutgoingRecord>[]): Partial<OutgoingRecord>[] {
  return records.flatMap((record, nth) => [foreign(1_000 + 2 * nth), record, foreign(1_001 + 2 * nth)])
}

function goodOnes(records: readonly unknown[]): number[] {
  return Array.from({ length: 2 * records.length }, (_, n) => 1_000 + n)
}

/** Numbers by the key of their steps, in order within each. */
function byKey(numbers: readonly number[]): Record<number, number[]> {
  return Object.groupBy(numbers, (n) => n % 5) as Record<number, number[]>
}

const unreadable = [
  ['not JSON', { value: Buffer.from('{') }, 'RECORD_UNDECODABLE'],
  ['empty', { value: Buffer.alloc(0) }, 'RECORD_UNDECODABLE'],
  ['without a value', { value: null, key: Buffer.from('k') }, 'RECORD_UNDECODABLE'],
  ['not UTF-8', { value: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a]) }, 'RECORD_UNDECODABLE'],
  ['of another shape', { value: Buffer.from('{"n":"1"}') }, 'RECORD_INVALID'],
  ['JSON and no object', { value: Buffer.from('null') }, 'RECORD_INVALID'],
  ['of an unknown type', { value: Buffer.from('{}'), headers: headers({ ce_type: 'No\0ne' }) }, 'RECORD_TYPE_UNKNOWN'],
  [
    'of an inherited type',
    { value: Buffer.from('{}'), headers: headers({ ce_type: 'toString' }) },
    'RECORD_TYPE_UNKNOWN',
  ],
  [
    'huge and not JSON, with a NUL in all its parts',
    { key: Buffer.from('k\0'), value: Buffer.alloc(2_000_000), headers: [['na\0me', Buffer.from([0, 0xff, 0])]] },
    'RECORD_UNDECODABLE',
  ],
] satisfies [string, Partial<OutgoingRecord>, string][]

test('what cannot be read is a dead letter at once, whole; the records around it are handled once and in order', async () => {
  const bad = unreadable.map(([, record]): Partial<OutgoingRecord> => record)
  const { rows, published, deadLetters, position } = await handle(among(bad))

  expect(rows.map(({ n }) => n)).toEqual(goodOnes(bad))
  expect(published).toEqual(goodOnes(bad))
  expect(position).toBe(3 * bad.length)
  expect(deadLetters).toHaveLength(bad.length)
  for (const [nth, [what, record, code]] of unreadable.entries()) {
    const { key = null, value, headers = [] }: Partial<OutgoingRecord> = record
    const letter = deadLetters[nth]
    expect(letter, what).toMatchObject({ offset: String(3 * nth + 1), code, attempts: 0, stack: null, key, value })
    expect(decodeHeaders(letter?.headers ?? Buffer.alloc(0)), what).toEqual(headers)
    expect(letter?.reason, what).not.toBe('')
  }
})

const fullOfNul = '\0k\0'
const long = 'x'.repeat(4_096)

const strange = [
  ['2 MB', foreign(0, { text: 'x'.repeat(2_000_000) })],
  ['a key of 4 kB', foreign(1, { key: Buffer.from(long) })],
  ['an id and a source of 4 kB', foreign(2, { headers: headers({ ce_id: long, ce_source: long }) })],
  ['a NUL in the key', foreign(3, { key: Buffer.from(fullOfNul) })],
  ['a NUL in the value', foreign(4, { text: fullOfNul })],
  ['a NUL in headers', foreign(5, { headers: headers({ ce_id: fullOfNul, ce_source: fullOfNul, 'a\0': fullOfNul }) })],
  ['a key that is not UTF-8', foreign(6, { key: Buffer.from([0xff, 0xfe, 0x00]) })],
  ['no key', foreign(7, { key: null })],
  ['an empty key', foreign(8, { key: Buffer.alloc(0) })],
  [
    'headers of all sorts',
    foreign(9, {
      headers: [
        ['', Buffer.alloc(0)],
        ['same', Buffer.from('1')],
        ['same', Buffer.from('2')],
        ['__proto__', Buffer.from('p')],
      ],
    }),
  ],
  ['a time that is none', foreign(10, { headers: headers({ ce_time: 'yesterday' }) })],
] satisfies [string, Partial<OutgoingRecord>][]

test('what is strange and can be read is handled like all others', async () => {
  const records = strange.map(([, record]): Partial<OutgoingRecord> => record)
  const { rows, published, deadLetters } = await handle(among(records))

  const expected = records.flatMap((_, n) => [1_000 + 2 * n, n, 1_001 + 2 * n])
  expect(deadLetters).toEqual([])
  expect(rows.map(({ n }) => n)).toEqual(expected)
  expect(published).toEqual(expected)
  expect(rows.find(({ n }) => n === 1)?.key.toString()).toBe(long)
  expect(rows.find(({ n }) => n === 3)?.key.toString()).toBe(fullOfNul)
})

test('a record that is sent again is handled once: within a chunk, over chunks, and with ids of 4 kB or a NUL', async () => {
  const ids = ['one', long, fullOfNul]
  const copies = ids.map((id, n) => foreign(n, { headers: headers({ ce_id: id, ce_source: '/s' }) }))
  const other = foreign(3, { headers: headers({ ce_id: 'one', ce_source: '/t' }) })
  const between = Array.from({ length: 300 }, (_, n) => foreign(100 + n))
  const { rows, published, deadLetters } = await handle([...copies, ...copies, other, ...between, ...copies, other])

  const expected = [0, 1, 2, 3, ...between.map((_, n) => 100 + n)]
  expect(rows.map(({ n }) => n)).toEqual(expected)
  expect(published).toEqual(expected)
  expect(deadLetters).toEqual([])
})

/** What handlers do wrong, and what becomes of their record: a dead letter of this code after so many attempts. */
const misdeeds: readonly [string, Misdeed, { code: string; reason: RegExp; attempts?: number } | undefined][] = [
  ['throws', () => Promise.reject(new RangeError('no way')), { code: 'RangeError', reason: /^no way$/ }],
  [
    'throws before it waits',
    () => {
      throw Object.assign(new Error('busy'), { code: 'EBUSY' })
    },
    { code: 'EBUSY', reason: /^busy$/ },
  ],
  ['throws twice', ({ before }) => (before < 2 ? Promise.reject(new Error('not yet')) : undefined), undefined],
  ['throws nothing', () => Promise.reject(undefined), { code: 'Error', reason: /undefined/ }],
  ['throws what has no text', () => Promise.reject(Object.create(null)), { code: 'Error', reason: /./ }],
  ['throws NUL', () => Promise.reject(new Error('a\0b')), { code: 'Error', reason: /^a\ufffdb$/ }],
  ['throws for good', () => Promise.reject(new Final('over')), { code: 'Final', reason: /^over$/, attempts: 1 }],
  [
    'breaks a constraint',
    async ({ unit }) => void (await unit.db.query("INSERT INTO name VALUES ('taken')")),
    { code: '23505', reason: /duplicate key/ },
  ],
  [
    'swallows the error of a statement',
    async ({ unit }) => void (await unit.db.query("INSERT INTO name VALUES ('taken')").catch(() => {})),
    { code: 'STATEMENT_FAILED_UNSEEN', reason: /duplicate key/ },
  ],
  [
    'swallows the error of a statement, and sends another',
    async ({ unit }) => {
      await unit.db.query("INSERT INTO name VALUES ('taken')").catch(() => {})
      await unit.db.query('SELECT 1')
    },
    { code: 'STATEMENT_FAILED_UNSEEN', reason: /duplicate key/ },
  ],
  [
    'swallows the error of an attempt',
    async ({ unit }) => {
      const part = async () => {
        unit.publish(results.events.Done({ n: -1 }))
        await unit.db.query("INSERT INTO name VALUES ('taken')")
      }
      await unit.attempt(part).catch(() => {})
    },
    undefined,
  ],
  [
    'does not wait for a statement',
    ({ unit }) => void unit.db.query('SELECT pg_sleep(0.01)'),
    { code: 'STATEMENT_PENDING', reason: /1 statement/ },
  ],
  [
    'does not wait for a statement that fails',
    ({ unit }) => void unit.db.query('SELECT 1 / 0'),
    { code: 'STATEMENT_PENDING', reason: /1 statement/ },
  ],
  [
    'begins a transaction of its own',
    async ({ millrace }) => void (await millrace.transaction(async () => {})),
    { code: 'TRANSACTION_NESTED', reason: /inside a unit/ },
  ],
  [
    'writes NUL as text',
    async ({ unit, text }) => void (await unit.db.query('INSERT INTO name VALUES ($1)', [text])),
    { code: '22021', reason: /invalid byte sequence/ },
  ],
  [
    'passes a value that cannot be sent',
    async ({ unit }) => {
      const circular: Record<string, unknown> = {}
      circular['self'] = circular
      await unit.db.query('INSERT INTO name VALUES ($1)', [circular])
    },
    { code: 'TypeError', reason: /circular/ },
  ],
  [
    'publishes what does not fit',
    ({ unit }) => unit.publish(results.events.Done({ n: 0.5 })),
    { code: 'EVENT_INVALID', reason: /Done/ },
  ],
]

test('a handler that fails costs its own record: dead letter after its attempts, the others handled once and in order', async () => {
  const wrong = misdeeds.map((_, n) => foreign(n, { text: fullOfNul, headers: [['h', Buffer.from([0, 1])]] }))
  const records = among(wrong)
  const { rows, published, deadLetters, position } = await handle(
    records,
    new Map(misdeeds.map(([, misdeed], n) => [n, misdeed])),
  )

  const handled = misdeeds.flatMap(([, , dead], n) => [1_000 + 2 * n, ...(dead ? [] : [n]), 1_001 + 2 * n])
  // Others go on while one waits for its next attempt; those of its key wait with it.
  expect(byKey(rows.map(({ n }) => n))).toEqual(byKey(handled))
  expect(byKey(published)).toEqual(byKey(handled))
  expect(position).toBe(records.length)
  const expected = misdeeds.flatMap(([what, , dead], n) => (dead ? [{ what, n, attempts, ...dead }] : []))
  expect(deadLetters.map(({ offset, code, attempts }) => ({ offset: Number(offset), code, attempts }))).toEqual(
    expected.map(({ n, code, attempts }) => ({ offset: 3 * n + 1, code, attempts })),
  )
  for (const [nth, { what, n, reason }] of expected.entries()) {
    const letter = deadLetters[nth]
    expect(letter?.reason, what).toMatch(reason)
    expect(letter?.value, what).toEqual(wrong[n]?.value)
    expect(letter?.key, what).toEqual(wrong[n]?.key)
    expect(decodeHeaders(letter?.headers ?? Buffer.alloc(0)), what).toEqual(wrong[n]?.headers)
  }
})
