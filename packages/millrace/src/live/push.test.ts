import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPostgresBroker } from '../adapters/postgres/index.ts'
import { defineChannel } from '../core/channel.ts'
import { defineModule } from '../core/module.ts'
import { testApp } from '../testing/index.ts'
import { decodeLive } from './records.ts'
import { liveTopic } from './topic.ts'

const isoDate = z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })
const notes = defineChannel('notes', {
  message: z.discriminatedUnion('type', [
    z.object({ type: z.literal('written'), data: z.object({ text: z.string(), at: isoDate.optional() }) }),
    z.object({ type: z.literal('torn') }),
    z.object({ type: z.literal('reset') }),
    z.object({ type: z.literal('placed'), at: z.string() }),
  ]),
  audience: (user) => user.id,
})
const strangers = defineChannel('strangers', {
  message: z.object({ type: z.string(), data: z.unknown() }),
  audience: ({ id }) => id,
})
const modules = [defineModule({ name: 'notes', channels: [notes] })]

test('updates reach the live topic in order, each with the transaction that wrote it', async () => {
  await using t = await testApp({ modules })
  const xid = await t.millrace.transaction(async (unit) => {
    unit.push(notes, 'anna', { type: 'written', data: { text: 'tea', at: new Date(0) } })
    unit.push(notes, 'anna', { type: 'torn' })
    unit.push(notes, 'ben', { type: 'torn' })
    const { rows } = await unit.db.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
    return Number(rows[0]?.xid)
  })
  expect(await t.pushed(notes, 'anna')).toEqual([
    { type: 'written', data: { text: 'tea', at: '1970-01-01T00:00:00.000Z' } },
    { type: 'torn' },
  ])

  const broker = createPostgresBroker({ database: t.database })
  await broker.start()
  const topic = await broker.openTopic(liveTopic.name)
  const reader = topic.all[0]?.open(0, 3)
  const read = []
  while (read.length < 3) read.push(...((await reader?.read(3)) ?? []))
  await broker.stop()
  expect(topic.all).toHaveLength(1)
  expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2])
  const updates = read.map((record) => decodeLive(record))
  expect(updates).toMatchObject([
    { update: { channel: 'notes', audience: 'anna', xid } },
    { update: { channel: 'notes', audience: 'anna', xid } },
    { update: { channel: 'notes', audience: 'ben', xid } },
  ])
})

test('nothing is pushed by what is rolled back, the unit or a part of it', async () => {
  await using t = await testApp({ modules })
  const failing = t.millrace.transaction(async (unit) => {
    unit.push(notes, 'anna', { type: 'torn' })
    throw new Error('rolled back')
  })
  await expect(failing).rejects.toThrow('rolled back')
  await t.millrace.transaction(async (unit) => {
    const attempt = unit.attempt(async () => {
      unit.push(notes, 'anna', { type: 'torn' })
      await unit.db.query('SELECT 1 / 0')
    })
    await attempt.catch(() => {})
    unit.push(notes, 'anna', { type: 'written', data: { text: 'kept' } })
  })
  expect(await t.pushed(notes, 'anna')).toEqual([{ type: 'written', data: { text: 'kept' } }])
})

test('what cannot be pushed is refused at the call, and the unit goes on', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    const refused = (push: () => void, code: string) => expect(push).toThrow(expect.objectContaining({ code }))
    refused(() => unit.push(strangers, 'anna', { type: 'hello', data: 1 }), 'CHANNEL_UNKNOWN')
    refused(() => unit.push(notes, 'anna', { type: 'written', data: { text: 1 as never } }), 'PUSH_INVALID')
    refused(() => unit.push(notes, '', { type: 'torn' }), 'PUSH_INVALID')
    refused(() => unit.push(notes, 'anna', { type: 'reset' }), 'PUSH_INVALID')
    refused(() => unit.push(notes, 'anna', { type: 'placed', at: 'here' }), 'PUSH_INVALID')
    const text = 'x'.repeat(65_536)
    refused(() => unit.push(notes, 'anna', { type: 'written', data: { text } }), 'PUSH_INVALID')
    unit.push(notes, 'anna', { type: 'torn' })
  })
  expect(await t.pushed(notes, 'anna')).toEqual([{ type: 'torn' }])
})

test('a channel needs a name that is one, and is not taken', async () => {
  const options = { message: z.object({ type: z.string(), data: z.unknown() }), audience: () => 'all' }
  for (const name of ['', 'Stats', 'stats', 'a/b', 'x'.repeat(61)]) {
    expect(() => defineChannel(name, options)).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
  }
  const twice = [...modules, defineModule({ name: 'others', channels: [defineChannel('notes', options)] })]
  await expect(testApp({ modules: twice })).rejects.toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
})
