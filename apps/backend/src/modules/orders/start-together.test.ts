import { expect, test } from 'vitest'
import { Fleet } from './fleet.fixture.ts'
import type { Order } from './order.ts'

const roles = ['api', 'api', 'worker', 'worker', 'api,worker', 'api,worker']

test('processes of every role, started at once on an empty database: all come up, and orders pass', {
  timeout: 90_000,
}, async () => {
  await using fleet = await Fleet.create({ ORDERS_CONFIRM_DELAY: '100ms', ORDERS_SHIP_DELAY: '100ms' })
  const replicas = roles.map((some) => fleet.launch({ ROLES: some }))
  const urls = await Promise.all(replicas.map(({ url }) => url))

  const migrations = await fleet.query<{ migration: string }>(
    `SELECT owner || '/' || to_char(number, 'FM0000') || '_' || name AS migration FROM millrace.migration`,
  )
  const applied = replicas.flatMap(({ log }) => [...log().matchAll(/"migration":"([^"]+)"/g)].map(([, name]) => name))
  expect(applied.sort()).toEqual(migrations.map(({ migration }) => migration).sort())
  expect(applied).toContain('orders/0001_orders')
  for (const { log } of replicas) expect(log()).not.toMatch(/"level":"?(error|fatal|50|60)/)

  const status = async (url: string, path: string, init?: RequestInit) => (await fetch(url + path, init)).status
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item: 'tea', quantity: 1 }),
  }
  const servesOrders = roles.map((some) => (some.includes('api') ? 201 : 404))
  expect(await Promise.all(urls.map((url) => status(url, '/orders/', post)))).toEqual(servesOrders)
  expect(await Promise.all(urls.map((url) => status(url, '/health/ready')))).toEqual(roles.map(() => 200))
  for (const url of urls.filter((_, nth) => servesOrders[nth] === 201)) {
    const statuses = async () => ((await (await fetch(`${url}/orders`)).json()) as Order[]).map((order) => order.status)
    await expect.poll(statuses, { timeout: 20_000 }).toEqual(Array.from({ length: 4 }, () => 'SHIPPED'))
  }
  expect(await Promise.all(replicas.map((replica) => replica.stop()))).toEqual(roles.map(() => 0))
})
