import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FencedPosition, LostLead } from './fenced-position.ts'
import { parkedTopics, parkRecords } from './parked.ts'
import { movePosition, type OutboxRecord, readPosition } from './position.ts'
import { RelayStage } from './relay.fixture.ts'

let stage: RelayStage

beforeAll(async () => {
  stage = await RelayStage.create()
})

afterAll(() => stage[Symbol.asyncDispose]())

const everything = { rows: 1_000, bytes: 1_000_000 }

function recordAt(topic: string, seq: number, size = 1): OutboxRecord {
  return {
    topic,
    seq: String(seq),
    key: null,
    value: Buffer.alloc(size),
    headers: [],
    createdAt: '2020-02-02 20:20:20.202020+00',
  }
}

async function park(lane: string, records: readonly OutboxRecord[]): Promise<void> {
  const parked = records.map((record) => ({ record }))
  await stage.database.transaction(async (transaction) => parkRecords(transaction, lane, parked))
}

async function takeUp(lane: string): Promise<FencedPosition> {
  return new FencedPosition(stage.database, lane, await readPosition(stage.database, lane))
}

async function seqsOf(reading: Promise<OutboxRecord[]>): Promise<number[]> {
  return (await reading).map(({ seq }) => Number(seq))
}

test('parked rows come back as they were, in the order of their places, whenever they were parked', async () => {
  const position = await takeUp('order')
  const key = Buffer.from([0, 255])
  const header = ['name', Buffer.from([0, 1])] as const
  const record = { ...recordAt('t', 20), key, value: null, headers: [header] }
  await park('order', [record, recordAt('t', 30)])
  await park('order', [recordAt('t', 10), recordAt('u', 11)])
  const read = await position.readParked({ topic: 't', from: 0n, bounds: everything })
  expect(read.map(({ seq }) => seq)).toEqual(['10', '20', '30'])
  expect(read[1]).toMatchObject({ ...record, createdAt: expect.stringContaining('20.20202') })
  expect(await seqsOf(position.readParked({ topic: 't', from: 20n, bounds: everything }))).toEqual([20, 30])
  expect(await parkedTopics(stage.database, 'order')).toEqual(['t', 'u'])
  expect(await parkedTopics(stage.database, 'nobody')).toEqual([])
})

test('parked rows are read in pieces bounded by rows and by bytes', async () => {
  const position = await takeUp('bounded')
  const sizes = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 20 })
  const bounds = fc.record({ rows: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 200 }) })
  let topics = 0
  await fc.assert(
    fc.asyncProperty(sizes, bounds, async (sizes, bounds) => {
      topics += 1
      const topic = `t${topics}`
      const records = sizes.map((size, index) => recordAt(topic, index + 1, size))
      await park('bounded', records)
      let from = 1n
      const read: OutboxRecord[] = []
      while (read.length < sizes.length) {
        const piece = await position.readParked({ topic, from, bounds })
        expect(piece.length).toBeGreaterThan(0)
        expect(piece.length).toBeLessThanOrEqual(bounds.rows)
        const allButLast = piece.slice(0, -1).reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
        expect(allButLast).toBeLessThanOrEqual(bounds.bytes)
        read.push(...piece)
        from = BigInt(piece.at(-1)?.seq ?? 0) + 1n
      }
      expect(read.map(({ seq }) => seq)).toEqual(records.map(({ seq }) => seq))
    }),
    { numRuns: 30 },
  )
})

test('who does not lead any more reads nothing, and is told so: what comes before may have been parked since', async () => {
  const position = await takeUp('fenced')
  await park('fenced', [recordAt('t', 20)])
  expect(await seqsOf(position.readParked({ topic: 't', from: 20n, bounds: everything }))).toEqual([20])
  const other = await readPosition(stage.database, 'fenced')
  await movePosition(stage.database, 'fenced', other, other)
  await expect(position.readParked({ topic: 't', from: 20n, bounds: everything })).rejects.toThrow(LostLead)
  await expect(position.move(undefined, async () => {})).rejects.toThrow(LostLead)
  expect(() => position.stored).toThrow(LostLead)
})

test('reading goes on at the same cost among dead rows that a snapshot elsewhere keeps', async () => {
  const position = await takeUp('dead')
  const pagesOf = async (from: number) => {
    const { rows } = await stage.database.query<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
       SELECT * FROM millrace.outbox_parked_piece('dead', 't', ${from}, 10, 1000000)`,
    )
    return rows[0]?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? 0
  }
  await stage.database.transaction(
    async (dump) => {
      await dump.query('SELECT 1')
      const records = Array.from({ length: 20_000 }, (_, index) => recordAt('t', index + 1))
      await park('dead', records)
      await stage.database.query("DELETE FROM millrace.outbox_parked WHERE lane = 'dead' AND seq <= 19000")
      expect(await seqsOf(position.readParked({ topic: 't', from: 19_001n, bounds: everything }))).toHaveLength(1_000)
      expect(await pagesOf(0)).toBeGreaterThan(200)
      expect(await pagesOf(19_001)).toBeLessThan(50)
    },
    { isolation: 'repeatable read' },
  )
})
