import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { Fleet, type Replica, type Seen } from './fleet.fixture.ts'
import type { Order } from './order.ts'

/** `npm run test:kill` has the long run. */
const kills = Number(process.env['KILLS'] ?? 3)
const count = Number(process.env['ORDERS'] ?? 500)
const perSecond = 125
const delayMs = 2_000
/** Orders are created, and workers killed, for so long. */
const spanMs = (count / perSecond) * 1_000
/** The partitions of a killed process are another's after so long: the default. */
const sessionMs = 10_000

test(`${count} orders, workers that are killed ${kills} times, and the API once: each order is there once, confirmed once and shipped once`, {
  timeout: 120_000 + 2 * spanMs,
}, async () => {
  await using fleet = await Fleet.create({
    ORDERS_CONFIRM_DELAY: `${delayMs}ms`,
    ORDERS_SHIP_DELAY: `${delayMs}ms`,
  })
  const api = { ROLES: 'api', PORT: `${await freePort()}` }
  const first = fleet.launch(api)
  const workers = [fleet.launch({ ROLES: 'worker' }), fleet.launch({ ROLES: 'worker' })]
  const [url] = await Promise.all([first.url, ...workers.map((worker) => worker.url)])
  const killApi = async () => {
    await sleep(spanMs / 2)
    await first.kill()
    fleet.launch(api)
  }
  const [created] = await Promise.all([createOrders(url), killWorkers(fleet, workers), killApi()])
  await expect
    .poll(() => fleet.query('SELECT status, count(*)::int FROM orders.order GROUP BY status'), { timeout: 60_000 })
    .toEqual([{ status: 'SHIPPED', count }])

  const history = await fleet.history(3 * count)
  const lives = Map.groupBy(history, ({ data }) => data.id)
  expect([...lives.keys()].sort()).toEqual(created.sort())
  const life = ['OrderCreated 1', 'OrderConfirmed 2', 'OrderShipped 3']
  const others = [...lives.values()].filter((events) => `${events.map(nameOf)}` !== `${life}`)
  expect(others).toEqual([])
  expect(await fleet.query('SELECT * FROM orders.order WHERE version <> 3')).toEqual([])
  expect(await fleet.query('SELECT * FROM millrace.timer')).toEqual([])
  expect(await fleet.query('SELECT * FROM millrace.dead_letter')).toEqual([])

  const late = latenesses(lives).sort((a, b) => a - b)
  const at = (share: number) => Math.round(late[Math.ceil(share * late.length) - 1] ?? 0)
  process.stdout.write(`orders: late p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms\n`)
  expect(late[0]).toBeGreaterThanOrEqual(0)
  // At worst nothing went on as long as workers were killed.
  expect(at(1)).toBeLessThan(spanMs + 2 * delayMs + 3 * sessionMs)
})

const nameOf = ({ type, data }: Seen) => `${type} ${data.version}`

/** At an even pace, each until it is answered, with the same key; answers their ids. */
async function createOrders(url: string): Promise<string[]> {
  const began = performance.now()
  const create = async (nth: number) => {
    await sleepUntil(began + (nth / perSecond) * 1_000)
    for (;;) {
      const order = await createOrder(url, nth).catch(gone)
      if (order) return order.id
      await sleep(500 + 1_000 * Math.random())
    }
  }
  const ids = await Promise.all(Array.from({ length: count }, (_, nth) => create(nth)))
  process.stdout.write(`orders: all were created after ${Math.round(performance.now() - began)} ms\n`)
  return ids
}

/** Undefined where it is to be sent again: all that have waited for the process come at once, and not all are served. */
async function createOrder(url: string, nth: number): Promise<Order | undefined> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': `order ${nth}` }
  const body = JSON.stringify({ item: 'tea', quantity: nth + 1 })
  const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body })
  const order = (await answer.json()) as Order
  if (answer.status === 503) return undefined
  expect(answer.status).toBe(201)
  return order
}

/** The process was killed: nobody knows what has become of the request. */
function gone(error: unknown): undefined {
  if (!(error instanceof TypeError)) throw error
}

/** Kills one or the other at random moments while orders pass, and starts another in its place, which may be killed as it starts. */
async function killWorkers(fleet: Fleet, workers: Replica[]): Promise<void> {
  const moments = Array.from({ length: kills }, () => Math.random() * (spanMs + 2 * delayMs)).sort((a, b) => a - b)
  const began = performance.now()
  for (const moment of moments) {
    await sleepUntil(began + moment)
    const nth = Math.random() < 0.5 ? 0 : 1
    process.stdout.write(`orders: worker ${nth} is killed after ${Math.round(performance.now() - began)} ms\n`)
    await workers[nth]?.kill()
    workers[nth] = fleet.launch({ ROLES: 'worker' })
  }
}

function sleepUntil(time: number): Promise<void> {
  return sleep(Math.max(0, time - performance.now()))
}

/** How many milliseconds after its time each step was taken, by the database's clock. */
function latenesses(lives: ReadonlyMap<string, readonly Seen[]>): number[] {
  return [...lives.values()].flatMap((events) => {
    const times = events.map(({ data }) => Date.parse(data.updated_at ?? ''))
    return times.slice(1).map((time, nth) => time - (times[nth] ?? 0) - delayMs)
  })
}
