import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Transaction } from '../ports/database.ts'
import { movePosition, nextBatch, nextPiece, type PieceBounds, readPosition } from './position.ts'
import {
  counterTopic,
  databaseLike,
  publish,
  publishIn,
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

function values(from: number, to: number): { key: string; n: number }[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ key: 'a', n: from + index }))
}

async function loggedValues(lane: TestLane): Promise<number[]> {
  return (await stage.logged(lane)).map(({ n }) => n)
}

/** The outbox's pieces from the lane's position to the end of the batch, without handing them on. */
async function piecesOf({ name }: TestLane, bounds: PieceBounds) {
  const connection = stage.database.on('system')
  let position = await readPosition(connection, name)
  const pieces = []
  for (;;) {
    const batch = await nextBatch(connection, name, position)
    if (!batch) return pieces
    const piece = await nextPiece(connection, name, batch, bounds)
    pieces.push(piece)
    const moved = await movePosition(connection, name, position, piece.next)
    if (!moved) throw new Error('somebody else has moved the position')
    position = moved
  }
}

test('a relay whose position another leader has moved rolls back what it appended, and goes on from there', async () => {
  const lane = await stage.lane('moved')
  const atMove = Promise.withResolvers<void>()
  const mayMove = Promise.withResolvers<void>()
  let transactions = 0
  const transaction = async <T>(work: (transaction: Transaction) => Promise<T>) => {
    transactions += 1
    if (transactions === 1) {
      atMove.resolve()
      await mayMove.promise
    }
    return stage.database.transaction(work)
  }
  await publish(stage.database, lane, values(1, 5))
  const stopped = await stage.relay(lane, { database: databaseLike(withoutLocks(stage.database), { transaction }) })
  // It has read the piece, and is stopped before it moves the position.
  await atMove.promise
  const other = await stage.relay(lane, { database: withoutLocks(stage.database) })
  await stage.untilLogged(lane, 5)
  await other.stop()
  mayMove.resolve()
  await publish(stage.database, lane, values(6, 8))
  stopped.wake()
  await stage.untilLogged(lane, 8)
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(transactions).toBeGreaterThan(1)
})

test('a relay that finds nothing writes nothing', async () => {
  const lane = await stage.lane('idle')
  let looks = 0
  const on: typeof stage.database.on = (share) => {
    const connection = stage.database.on(share)
    return {
      query: (statement, values) => {
        if (typeof statement === 'object' && statement.name === 'millrace_relay_find') looks += 1
        return connection.query(statement, values)
      },
    }
  }
  const relay = await stage.relay(lane, { database: databaseLike(stage.database, { on }) })
  await publish(stage.database, lane, values(1, 1))
  relay.wake()
  await stage.untilLogged(lane, 1)
  const before = await stage.storedPosition(lane)
  const seen = looks
  // Transactions of others raise the snapshot; that alone is nothing to store.
  await stage.database.query('INSERT INTO counter VALUES ($1)', ['idle'])
  await until('three more looks', () => {
    relay.wake()
    return looks > seen + 3
  })
  expect(await stage.storedPosition(lane)).toEqual(before)
  await relay.stop()
})

test('stopping hands on what is committed', async () => {
  const lane = await stage.lane('stopping')
  const relay = await stage.relay(lane, { piece: { rows: 2, bytes: 1_000 } })
  await publish(stage.database, lane, values(1, 1))
  relay.wake()
  await stage.untilLogged(lane, 1)
  await publish(stage.database, lane, values(2, 9))
  await relay.stop()
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('the next leader takes over when one lets go', async () => {
  const lane = await stage.lane('handover')
  const other = stage.connect('handover')
  const relays = [await stage.relay(lane), await stage.relay(lane, { database: other })]
  await publish(stage.database, lane, values(1, 3))
  await stage.untilLogged(lane, 3)
  await relays[0]?.stop()
  await publish(stage.database, lane, values(4, 6))
  await stage.untilLogged(lane, 6)
  await relays[1]?.stop()
  expect(await loggedValues(lane)).toEqual([1, 2, 3, 4, 5, 6])
})

test('a commit of a process that does not lead reaches the leader by a notification', async () => {
  const lane = await stage.lane('notified')
  const leader = stage.connect('leader')
  const heard = Promise.withResolvers<void>()
  const listen: typeof leader.listen = (channel, onNotify) =>
    leader.listen(channel, () => {
      heard.resolve()
      onNotify()
    })
  await stage.relay(lane, { database: databaseLike(leader, { listen }) })
  const follower = await stage.relay(lane, {
    database: databaseLike(stage.database, { tryLock: async () => undefined }),
  })
  await publish(stage.database, lane, values(1, 1))
  follower.wake()
  await heard.promise
  await stage.untilLogged(lane, 1)
})

test('what goes to a topic that the log does not have is parked, holds nothing up, and goes out once it is there', async () => {
  const lane = await stage.lane('unknown')
  const missing = { ...lane, topic: counterTopic('unknown.yet') }
  const { logger, said } = rememberingLogger()
  await stage.relay(lane, { logger, backoff: () => 5 })
  await publish(stage.database, missing, values(1, 3))
  await publish(stage.database, lane, values(1, 2))
  await publish(stage.database, missing, values(4, 4))
  await stage.untilLogged(lane, 2)
  await until('all parked', async () => (await stage.parked(missing)).length === 4)
  await stage.lane('unknown.yet')
  await stage.untilLogged(missing, 4)
  expect(await loggedValues(missing)).toEqual([1, 2, 3, 4])
  await until('nothing parked', async () => (await stage.parked(missing)).length === 0)
  expect(await loggedValues(lane)).toEqual([1, 2])
  await until('both are said', () => said.length === 2)
  expect(said[0]).toMatch(/^warn unknown.yet TOPIC_UNKNOWN/)
  expect(said[1]).toMatch(/^info unknown.yet/)
})

test('pieces are bounded by rows and by bytes, and together are the batch in order', async () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1_000, max: 40_000 })), {
    minLength: 1,
    maxLength: 40,
  })
  const bounds = fc.record({ rows: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 50_000 }) })
  let lanes = 0
  await fc.assert(
    fc.asyncProperty(sizes, bounds, fc.boolean(), async (sizes, bounds, inKey) => {
      lanes += 1
      const lane = await stage.lane(`bounded.${lanes}`)
      const data = sizes.map((size, n) => ({
        n,
        key: inKey ? 'k'.repeat(size) : '',
        padding: inKey ? '' : 'p'.repeat(size),
      }))
      await publish(stage.database, lane, data)
      const pieces = await piecesOf(lane, bounds)
      for (const { records } of pieces) {
        expect(records.length).toBeLessThanOrEqual(bounds.rows)
        const allButLast = records
          .slice(0, -1)
          .reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
        expect(allButLast).toBeLessThanOrEqual(bounds.bytes)
      }
      const handedOn = pieces.flatMap(({ records }) => records.map(({ value }) => JSON.parse(String(value)).n))
      expect(handedOn).toEqual(sizes.map((_, n) => n))
    }),
    { numRuns: 40 },
  )
})

test('a slice of the outbox is dropped once everything in it has been relayed, and not before', async () => {
  const lane = await stage.lane('sliced')
  const { name, time } = await stage.oldSlice(10)
  const publishThen = (transaction: Transaction, n: number) =>
    publishIn(transaction, lane, stage.database, async (unit) =>
      unit.publish(lane.topic.events.Counted({ key: 'a', n })),
    )
      // Written as long ago as the slice is old.
      .then(() => transaction.query('UPDATE millrace.outbox SET created_at = $1 WHERE lane = $2', [time, lane.name]))

  // A transaction that still has to commit: its row is not to be seen, yet the slice has to stay, and stay attached.
  const written = Promise.withResolvers<void>()
  const mayCommit = Promise.withResolvers<void>()
  const late = stage.database.transaction(async (transaction) => {
    await publishThen(transaction, 1)
    written.resolve()
    await mayCommit.promise
  })
  await written.promise
  await stage.maintainSlices()
  expect(await stage.slices()).toContainEqual({ name, pending: false })
  mayCommit.resolve()
  await late

  // Committed, and not relayed.
  await stage.maintainSlices()
  expect(await stage.slices()).toContainEqual({ name, pending: false })

  const relay = await stage.relay(lane)
  await stage.untilLogged(lane, 1)
  await relay.stop()
  await stage.maintainSlices()
  expect((await stage.slices()).map((slice) => slice.name)).not.toContain(name)
})
