import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { advancePosition, consumerId, loadPosition } from '../../src/delivery/positions.ts'
import { movePosition, readPosition } from '../../src/outbox/position.ts'
import type { Database } from '../../src/ports/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { Observer } from './observer.ts'

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
