import { afterAll, beforeAll, expect, test } from 'vitest'
import { fail } from '../core/errors.ts'
import { decodeHeaders } from '../core/record-headers.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import { countedOf, type Faults, faultyBroker } from './faulty-broker.fixture.ts'
import { brokerLane, type RelayOptions } from './index.ts'
import {
  databaseLike,
  publish,
  RelayStage,
  rememberingLogger,
  type TestLane,
  until,
  withoutLocks,
} from './relay.fixture.ts'

let stage: RelayStage

beforeAll(async () => {
  stage = await RelayStage.create()
})

afterAll(() => stage[Symbol.asyncDispose]())

const unavailable = fail('BROKER_UNAVAILABLE', { problem: 'in a test' })

function tooLarge(topic: string) {
  return fail('RECORD_TOO_LARGE', { topic, size: 2, limit: 1 })
}

function values(from: number, to: number, key = 'a'): { key: string; n: number }[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ key, n: from + index }))
}

/** A relay that hands a lane to the real broker with these faults; `produced` is each call it has made. */
async function relayWith(lane: TestLane, faults: Faults, options: Partial<RelayOptions> = {}) {
  const produced: string[][] = []
  const { produce } = faultyBroker(lane.name, stage.broker, faults)
  const counting = (records: readonly OutgoingRecord[]) => {
    produced.push(records.map((record) => String(countedOf(record).n)))
    return produce(records)
  }
  const target = brokerLane({ name: lane.name, produce: counting })
  const relay = await stage.relay(lane, { lane: target, backoff: () => 10, ...options })
  return { relay, produced }
}

async function loggedValues(lane: TestLane, key?: string): Promise<number[]> {
  return (await stage.logged(lane)).filter((record) => key === undefined || record.key === key).map(({ n }) => n)
}

async function nothingParked(lane: TestLane): Promise<void> {
  await until('nothing parked', async () => (await stage.parked(lane)).length === 0)
}

async function parkedCount(lane: TestLane, count: number): Promise<void> {
  await until(`${count} parked`, async () => (await stage.parked(lane)).length === count)
}

/** A database without locks, which does something before each transaction begins. */
function withTransactions(before: (nth: number) => Promise<void>) {
  let transactions = 0
  const transaction: typeof stage.database.transaction = async (work, options) => {
    transactions += 1
    await before(transactions)
    return stage.database.transaction(work, options)
  }
  return databaseLike(withoutLocks(stage.database), { transaction })
}

test('what is published goes out in order, in bounded pieces, outside the transaction that moves the position', async () => {
  const lane = await stage.lane('plain')
  let transactions = 0
  let open = false
  const transaction = async <T>(work: (transaction: Transaction) => Promise<T>) => {
    transactions += 1
    open = true
    return stage.database.transaction(work).finally(() => {
      open = false
    })
  }
  const { produced } = await relayWith(
    lane,
    { before: () => expect(open).toBe(false) },
    { database: databaseLike(stage.database, { transaction }), piece: { rows: 3, bytes: 1_000_000 } },
  )
  await publish(stage.database, lane, values(1, 7))
  await stage.untilLogged(lane, 7)
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(produced).toEqual([['1', '2', '3'], ['4', '5', '6'], ['7']])
  expect(transactions).toBeGreaterThanOrEqual(3)
})

test('a crash between the acknowledgement and the position sends the same messages again', async () => {
  const lane = await stage.lane('crashed')
  const ids: string[] = []
  const remember = (record: OutgoingRecord) =>
    ids.push(String(record.headers.find(([name]) => name === 'ce_id')?.[1] ?? ''))
  const produce = async (records: readonly OutgoingRecord[]) => {
    records.forEach(remember)
    return stage.broker.produce(records)
  }
  let crashes = 1
  const database = withTransactions(async (nth) => {
    // The first transaction looks for a restored database.
    if (nth === 2 && crashes-- > 0) throw new Error('crashed')
  })
  await stage.relay(lane, { database, lane: brokerLane({ name: lane.name, produce }) })
  await publish(stage.database, lane, values(1, 2))
  await stage.untilLogged(lane, 4)
  expect(await loggedValues(lane)).toEqual([1, 2, 1, 2])
  expect(ids.slice(2)).toEqual(ids.slice(0, 2))
  expect(new Set(ids).size).toBe(2)
})

test('while the whole broker is gone nothing moves; the same piece goes out when it is back', async () => {
  const lane = await stage.lane('gone')
  const { logger, said } = rememberingLogger()
  let isGone = true
  const before = () => {
    if (isGone) throw unavailable
  }
  const { relay, produced } = await relayWith(lane, { before }, { logger })
  await publish(stage.database, lane, values(1, 3))
  relay.wake()
  await until('a try', () => produced.length > 0)
  const stored = await stage.storedPosition(lane)
  await until('more tries', () => produced.length > 3)
  expect(await stage.storedPosition(lane)).toEqual(stored)
  expect(await stage.parked(lane)).toEqual([])
  isGone = false
  await stage.untilLogged(lane, 3)
  expect(await loggedValues(lane)).toEqual([1, 2, 3])
  expect(said.every((line) => line.startsWith('warn'))).toBe(true)
})

test('a topic that is unavailable holds up no other; what waits goes out in order, ahead of what is newer', async () => {
  const lane = await stage.lane('partly')
  const other = await stage.topicOf(lane, 'other')
  const { logger, said } = rememberingLogger()
  let isAway = true
  const judge = ({ topic }: { topic: string }) => (isAway && topic === lane.topic.name ? unavailable : undefined)
  const { produced } = await relayWith(lane, { judge }, { logger, piece: { rows: 3, bytes: 1_000_000 } })
  for (let n = 1; n <= 9; n += 3) {
    await publish(stage.database, lane, values(n, n + 2))
    await publish(stage.database, other, values(n, n + 2))
    await stage.untilLogged(other, n + 2)
  }
  await parkedCount(lane, 9)
  const tries = produced.length
  await until('more tries', () => produced.length > tries + 2)
  // While it is away, one record shows whether it is back.
  expect(produced.slice(-2)).toEqual([['1'], ['1']])
  isAway = false
  await publish(stage.database, lane, values(10, 12))
  await nothingParked(lane)
  await stage.untilLogged(lane, 12)
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  expect(await loggedValues(other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  await until('both are said', () => said.length === 2)
  expect(said[0]).toMatch(/^warn partly BROKER_UNAVAILABLE/)
  expect(said[1]).toMatch(/^info partly/)
})

test('a topic that is tried and gives no answer holds up no other', async () => {
  const lane = await stage.lane('silent')
  const other = await stage.topicOf(lane, 'other')
  const answers = Promise.withResolvers<void>()
  let isAway = true
  const { produced } = await relayWith(lane, {
    judge: ({ topic }) => (isAway && topic === lane.topic.name ? unavailable : undefined),
    before: async (records) => {
      if (produced.length > 1 && records.some(({ topic }) => topic === lane.topic.name)) await answers.promise
    },
  })
  await publish(stage.database, lane, values(1, 1))
  await until('it is tried', () => produced.length > 1)
  await publish(stage.database, lane, values(2, 2))
  await publish(stage.database, other, values(1, 3))
  await stage.untilLogged(other, 3)
  await parkedCount(lane, 2)
  isAway = false
  answers.resolve()
  await stage.untilLogged(lane, 2)
  expect(await loggedValues(lane)).toEqual([1, 2])
})

test('a new leader keeps newer events behind those that are parked', async () => {
  const lane = await stage.lane('inherited')
  let isAway = true
  const faults: Faults = { judge: () => (isAway ? unavailable : undefined) }
  const { relay } = await relayWith(lane, faults)
  await publish(stage.database, lane, values(1, 5))
  await parkedCount(lane, 5)
  await relay.stop()
  await publish(stage.database, lane, values(6, 8))
  await relayWith(lane, faults)
  await parkedCount(lane, 8)
  isAway = false
  await stage.untilLogged(lane, 8)
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})

test('where a broker took a part, the rest goes out, and nothing twice', async () => {
  const lane = await stage.lane('prefix', 1)
  let cuts = 3
  const judge = ({ key, n }: { key: string; n: number }) => {
    if (key !== 'a' || n !== 10 - 2 * cuts || cuts === 0) return undefined
    cuts -= 1
    return new Error('not enough replicas')
  }
  await relayWith(lane, { judge, behind: () => unavailable })
  const both = values(1, 9).flatMap((one) => [one, { ...one, key: 'b' }])
  await publish(stage.database, lane, both)
  await stage.untilLogged(lane, 18)
  await nothingParked(lane)
  expect(cuts).toBe(0)
  expect(await loggedValues(lane, 'a')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(await loggedValues(lane, 'b')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test.each([
  ['RECORD_TOO_LARGE', (topic: string) => tooLarge(topic)],
  ['RECORD_REFUSED', (topic: string) => fail('RECORD_REFUSED', { topic, problem: 'a NUL: \0' })],
  ['TOPIC_NOT_ALLOWED', (topic: string) => fail('TOPIC_NOT_ALLOWED', { topic })],
] as const)(
  'a record that is refused for good (%s) is a dead letter; its followers go out in order',
  async (code, reason) => {
    const lane = await stage.lane(`refused.${code}`)
    const { logger, said } = rememberingLogger()
    const judge = ({ n, topic }: { n: number; topic: string }) => (n === 3 || n === 4 ? reason(topic) : undefined)
    const began = Date.now()
    await relayWith(lane, { judge, behind: () => unavailable }, { logger, backoff: () => 60_000 })
    await publish(stage.database, lane, values(1, 6))
    await stage.untilLogged(lane, 4)
    await nothingParked(lane)
    expect(await loggedValues(lane)).toEqual([1, 2, 5, 6])
    const refused = await stage.refused(lane)
    expect(refused).toMatchObject(
      [3, 4].map((n) => ({ n, code, attempts: 1, key: Buffer.from(`${lane.topic.name}/a`) })),
    )
    expect(refused[0]?.reason).toBe(reason(lane.topic.name).message.replace('\0', '\u{fffd}'))
    expect(Math.abs((refused[0]?.recordedAt.getTime() ?? 0) - began)).toBeLessThan(60_000)
    expect(decodeHeaders(refused[0]?.headers ?? Buffer.alloc(0)).map(([name]) => name)).toContain('ce_id')
    expect(said.filter((line) => line.startsWith(`error ${lane.topic.name} ${code}`))).toHaveLength(2)
    expect(said).toHaveLength(2)
  },
)

test('a leader that was stopped with a piece in flight leaves position, parked rows and dead letters as they are', async () => {
  const lane = await stage.lane('zombie')
  const other = await stage.topicOf(lane, 'other')
  const produced = Promise.withResolvers<void>()
  const mayMove = Promise.withResolvers<void>()
  let isAway = true
  const judge = ({ topic, n }: { topic: string; n: number }) => {
    if (n === 2) return tooLarge(topic)
    return isAway && topic === other.topic.name ? unavailable : undefined
  }
  const database = withTransactions(async (nth) => {
    if (nth !== 2) return
    produced.resolve()
    await mayMove.promise
  })
  await publish(stage.database, lane, values(1, 3))
  await publish(stage.database, other, values(1, 1))
  const zombie = await relayWith(lane, { judge }, { database })
  await produced.promise
  const leader = await relayWith(lane, { judge }, { database: withoutLocks(stage.database), backoff: () => 60_000 })
  await until('the leader has moved', async () => (await stage.refused(lane)).length === 1)
  await parkedCount(other, 1)
  await leader.relay.stop()
  const before = await stage.storedPosition(lane)
  const stopping = zombie.relay.stop()
  mayMove.resolve()
  await stopping
  expect(await stage.storedPosition(lane)).toEqual(before)
  expect(await stage.refused(lane)).toHaveLength(1)
  expect(await stage.parked(other)).toEqual([1])
  isAway = false
  await relayWith(lane, { judge })
  await stage.untilLogged(other, 1)
  await nothingParked(other)
  expect([...new Set(await loggedValues(lane))]).toEqual([1, 3])
})

test('a leader that was stopped with parked records in flight removes none of them', async () => {
  const lane = await stage.lane('parked-zombie')
  let isAway = true
  const inFlight = Promise.withResolvers<void>()
  const mayAnswer = Promise.withResolvers<void>()
  const judge = ({ n }: { n: number }) => (isAway || n > 3 ? unavailable : undefined)
  const after = async () => {
    if (isAway) return
    inFlight.resolve()
    await mayAnswer.promise
  }
  const zombie = await relayWith(lane, { judge, after }, { database: withoutLocks(stage.database) })
  await publish(stage.database, lane, values(1, 3))
  await parkedCount(lane, 3)
  isAway = false
  await inFlight.promise
  // It has sent the first. Another leader sends all of them, and newer ones of the topic wait.
  const leader = await relayWith(lane, { judge }, { database: withoutLocks(stage.database) })
  await nothingParked(lane)
  await publish(stage.database, lane, values(4, 5))
  await parkedCount(lane, 2)
  await leader.relay.stop()
  const before = await stage.storedPosition(lane)
  const stopping = zombie.relay.stop()
  mayAnswer.resolve()
  await stopping
  expect(await stage.storedPosition(lane)).toEqual(before)
  expect(await stage.parked(lane)).toEqual([4, 5])
  expect(await loggedValues(lane)).toEqual([1, 1, 2, 3])
})

test('a slice of the outbox goes when each lane has relayed or parked its rows; what is parked stays', async () => {
  const first = await stage.lane('two.first')
  const second = await stage.lane('two.second')
  const { name, time } = await stage.oldSlice(20)
  await publish(stage.database, first, values(1, 2))
  await publish(stage.database, second, values(1, 3))
  // Written as long ago as the slice is old.
  await stage.database.query('UPDATE millrace.outbox SET created_at = $1 WHERE lane = ANY ($2)', [
    time,
    [first.name, second.name],
  ])
  await stage.relay(first)
  await stage.untilLogged(first, 2)
  await stage.maintainSlices()
  expect((await stage.slices()).map((slice) => slice.name)).toContain(name)

  let isAway = true
  await relayWith(second, { judge: () => (isAway ? unavailable : undefined) })
  await parkedCount(second, 3)
  await stage.maintainSlices()
  expect((await stage.slices()).map((slice) => slice.name)).not.toContain(name)
  isAway = false
  await stage.untilLogged(second, 3)
  expect(await loggedValues(first)).toEqual([1, 2])
  expect(await loggedValues(second)).toEqual([1, 2, 3])
})

test('what was parked in an outbox that was restored elsewhere goes out before, or with, the rest of it', async () => {
  const lane = await stage.lane('restored')
  const before = await relayWith(lane, { judge: ({ n }) => (n > 1 ? unavailable : undefined) })
  await publish(stage.database, lane, values(1, 4))
  await parkedCount(lane, 3)
  await before.relay.stop()
  // The old cluster was far ahead, and the slice with the first two was dropped there.
  await stage.database.query(
    `DELETE FROM millrace.outbox WHERE lane = $1
        AND seq <= (SELECT min(seq) FROM millrace.outbox_parked WHERE lane = $1)`,
    [lane.name],
  )
  await stage.database.query('UPDATE millrace.outbox SET xid = (900000000 + seq)::text::xid8 WHERE lane = $1', [
    lane.name,
  ])
  await stage.database.query("UPDATE millrace.relay SET done = '990000000:990000000:' WHERE lane = $1", [lane.name])
  await publish(stage.database, lane, values(5, 5))
  await relayWith(lane, {})
  await stage.untilLogged(lane, 5)
  await nothingParked(lane)
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5])
})
