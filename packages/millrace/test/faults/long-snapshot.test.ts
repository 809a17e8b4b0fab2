import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { advancePosition, consumerId, loadPosition } from '../../src/delivery/positions.ts'
import type { Millrace } from '../../src/index.ts'
import { movePosition, readPosition } from '../../src/outbox/position.ts'
import type { Database } from '../../src/ports/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

/** Each is a transaction, and most make the relay and the consumers move their positions. */
const perThird = Number(process.env['UNITS'] ?? 2_000)
const lines = 8

test('a snapshot that a dump holds open slows nothing down, and nothing is lost', { timeout: 60_000 }, async () => {
  let echoed = 0
  const module = spine(undefined, (count) => {
    echoed += count
  })
  await using app = await testApp({ modules: [module] })
  await using dump = await Observer.connect(app.databaseUrl)
  const ledger = new Ledger()
  const third = async (nth: number) => {
    const began = performance.now()
    await publishThird(app.millrace, ledger, nth)
    await until('all echoed', () => echoed >= ledger.size)
    return performance.now() - began
  }
  await third(0)

  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM spine.effect')
  const took = [await third(1), await third(2), await third(3)] as const
  await dump.query('COMMIT')
  process.stdout.write(`long-snapshot: thirds of ${perThird} units took ${took.map(Math.round).join(', ')} ms\n`)

  await using observer = await Observer.connect(app.databaseUrl)
  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  expect(took[2]).toBeLessThan(3 * took[0] + 500)
})

// What is updated again and again has as many dead versions as updates, and they stay while the snapshot does.
test.each([
  ['the relay', 'relay', 'seq', moveRelay],
  ['a consumer', 'position', 'next_offset', moveConsumer],
] as const)(
  'the position of %s moves at the same cost among 60,000 dead versions',
  async (_, table, column, prepare) => {
    await using app = await testApp({ modules: [], roles: ['api'] })
    await using dump = await Observer.connect(app.databaseUrl)
    await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await dump.query('SELECT 1')
    const move = await prepare(app.database)
    const before = await medianMs(move)
    await app.database.query(
      `DO $$ DECLARE place tid; BEGIN
       SELECT ctid INTO place FROM millrace.${table};
       FOR n IN 1 .. 60000 LOOP
         UPDATE millrace.${table} SET ${column} = ${column} WHERE ctid = place RETURNING ctid INTO place;
       END LOOP;
     END $$`,
    )
    // The first one looks for the row where it lay before.
    await move()
    const after = await medianMs(move)
    expect(after).toBeLessThan(2 * before + 0.5)
  },
)

type Move = () => Promise<void>

async function moveRelay(database: Database): Promise<Move> {
  let position = await readPosition(database, 'lane')
  return async () => {
    const moved = await movePosition(database, 'lane', position, position)
    if (!moved) throw new Error('the position was moved by somebody else')
    position = moved
  }
}

async function moveConsumer(database: Database): Promise<Move> {
  const id = await consumerId(database, 'consumer')
  const key = { consumerId: id, broker: 'postgres', topic: 't', topicId: randomUUID(), partition: 0 }
  let position = await loadPosition(database, key, 0)
  return async () => {
    const moved = await database.transaction((transaction) => advancePosition(transaction, position, position.next + 1))
    if (!moved) throw new Error('the position was moved by somebody else')
    position = moved
  }
}

async function medianMs(move: Move): Promise<number> {
  const took: number[] = []
  for (let n = 0; n < 200; n += 1) {
    const began = performance.now()
    await move()
    took.push(performance.now() - began)
  }
  return took.sort((a, b) => a - b)[100] ?? 0
}

/** Publishes one mark a unit, on several lines at a time. */
async function publishThird(millrace: Millrace, ledger: Ledger, nth: number): Promise<void> {
  const run = async (line: number) => {
    for (let n = 0; n < perThird / lines; n += 1) {
      await publishByOutbox(millrace, ledger, [{ stream: outboxMarks.name, key: `${nth} ${line}`, n }])
    }
  }
  await Promise.all(Array.from({ length: lines }, (_, line) => run(line)))
}
