import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer } from '../core/consumer.ts'
import { defineModule } from '../core/module.ts'
import { defineTopic } from '../core/topic.ts'
import { testApp } from '../testing/index.ts'

const notes = defineTopic('notes', { key: () => 'one', events: { Noted: z.object({ n: z.int() }) } })
const { Noted } = notes.events

test('an outbox restored into a cluster with lower transaction ids is relayed: nothing lost, nothing handled twice', async () => {
  const seen: number[] = []
  const consumer = defineConsumer({ name: 'notes', topic: notes, on: { Noted: ({ data }) => void seen.push(data.n) } })
  const modules = [defineModule({ name: 'notes', topics: [notes], consumers: [consumer] })]
  await using before = await testApp({ modules })
  await before.millrace.transaction(async (unit) => unit.publish(Noted({ n: 1 }), Noted({ n: 2 })))
  await before.settled()
  await before.database.query('DELETE FROM millrace.relay')
  await before.app.stop()

  // The old cluster was far ahead: two events relayed, a third committed and not relayed.
  await using elsewhere = await testApp({ modules, databaseUrl: before.databaseUrl, roles: ['api'] })
  await elsewhere.millrace.transaction(async (unit) => unit.publish(Noted({ n: 3 })))
  await elsewhere.database.query('UPDATE millrace.outbox SET xid = (900000000 + seq)::text::xid8')
  await elsewhere.database.query("INSERT INTO millrace.relay (lane, done) VALUES ('postgres', '900000003:900000003:')")
  await elsewhere.millrace.transaction(async (unit) => unit.publish(Noted({ n: 4 })))
  await elsewhere.app.stop()

  await using after = await testApp({ modules, databaseUrl: before.databaseUrl })
  await after.millrace.transaction(async (unit) => unit.publish(Noted({ n: 5 })))
  await after.settled()
  expect(seen).toEqual([1, 2, 3, 4, 5])
})
