import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineModule, defineTopic } from '../index.ts'
import { testApp } from '../testing/index.ts'

const orders = defineTopic('orders', {
  key: (event) => event.data.id,
  events: { Confirmed: z.object({ id: z.string(), n: z.int().optional() }) },
})
const { Confirmed } = orders.events
const modules = [defineModule({ name: 'orders', topics: [orders] })]

test('a timer fires when it is due, and not before', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    unit.publishAfter('10s', Confirmed({ id: 'a' }), { name: 'confirm' })
    unit.publishAfter('20s', Confirmed({ id: 'b' }))
  })
  await t.settled()
  expect(await t.published(Confirmed)).toEqual([])
  await t.clock.advance('10s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'a' }, key: 'a' }])
  await t.clock.advance('10s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'a' } }, { data: { id: 'b' } }])
})

test('a timer is moved and cancelled by its name', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    for (const id of ['a', 'b', 'c']) unit.publishAfter('10s', Confirmed({ id }), { name: 'confirm' })
  })
  await t.millrace.transaction(async (unit) => {
    unit.cancel(Confirmed, 'a', 'confirm')
    unit.publishAfter('5s', Confirmed({ id: 'b', n: 1 }), { name: 'confirm' })
  })
  await t.clock.advance('5s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'b', n: 1 } }])
  await t.clock.advance('1h')
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['b', 'c'])
})
