import { freePorts } from '@millrace/tools/kafka'
import { expect, test } from 'vitest'
import { Fleet } from './fleet.fixture.ts'
import { LoadBalancer } from './load-balancer.fixture.ts'
import type { Order } from './order.ts'

const replicas = 3
const perSecond = 300

test(`${replicas} processes restarted one after the other under ${perSecond} requests a second: none fails, nothing is lost`, {
  timeout: 120_000,
}, async () => {
  await using fleet = await Fleet.create({
    ORDERS_CONFIRM_DELAY: '1s',
    ORDERS_SHIP_DELAY: '1s',
    DRAIN_DELAY: '1s',
  })
  // Each comes back at its own address.
  const ports = await freePorts(replicas)
  const launch = (port: number) => fleet.launch({ PORT: `${port}` })
  const running = ports.map(launch)
  using balancer = new LoadBalancer(await Promise.all(running.map(({ url }) => url)))
  const load = new Load(balancer)

  await expect.poll(() => load.created.length, { timeout: 10_000 }).toBeGreaterThan(perSecond / 3)
  for (const [nth, port] of ports.entries()) {
    expect(await running[nth]?.stop()).toBe(0)
    const url = await launch(port).url
    await expect.poll(() => balancer.isReady(url), { timeout: 20_000 }).toBe(true)
  }
  await load.stop()

  process.stdout.write(`orders: ${load.answered} requests answered, p99 ${Math.round(load.p99)} ms\n`)
  expect(load.failures).toEqual([])
  const shipped = () => fleet.query('SELECT status, count(*)::int FROM orders.order GROUP BY status')
  await expect.poll(shipped, { timeout: 30_000 }).toEqual([{ status: 'SHIPPED', count: load.created.length }])
  const history = await fleet.history(3 * load.created.length)
  const lived = Map.groupBy(history, ({ data }) => data.id)
  expect([...lived.keys()].sort()).toEqual(load.created.sort())
  const life = ['OrderCreated', 'OrderConfirmed', 'OrderShipped']
  expect([...lived.values()].filter((events) => `${events.map(({ type }) => type)}` !== `${life}`)).toEqual([])
  expect(await fleet.query('SELECT * FROM millrace.dead_letter')).toEqual([])
})

/** So many requests a second, whether those before have been answered or not; of three, one creates an order. */
class Load {
  readonly created: string[] = []
  readonly failures: unknown[] = []
  answered = 0
  readonly #balancer: LoadBalancer
  readonly #tookMs: number[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #sending: NodeJS.Timeout

  constructor(balancer: LoadBalancer) {
    this.#balancer = balancer
    const began = performance.now()
    let rounds = 0
    this.#sending = setInterval(() => {
      const due = ((performance.now() - began) / 1_000) * (perSecond / 3)
      for (; rounds < due; rounds += 1) this.#send()
    }, 10)
  }

  get p99(): number {
    return this.#tookMs.sort((a, b) => a - b)[Math.floor(0.99 * this.#tookMs.length)] ?? 0
  }

  async stop(): Promise<void> {
    clearInterval(this.#sending)
    await Promise.all(this.#underWay)
  }

  #send(): void {
    this.#expect(201, 'POST', '/orders/', { item: 'tea', quantity: 1 })
    this.#expect(200, 'GET', '/orders?limit=10')
    const known = this.created.at(-1)
    if (known) this.#expect(200, 'GET', `/orders/${known}`)
  }

  #expect(status: number, method: string, path: string, body?: object): void {
    const sent = this.#exchange(status, method, path, body)
      .catch((error: unknown) => void this.failures.push(`${method} ${path}: ${error}`))
      .finally(() => this.#underWay.delete(sent))
    this.#underWay.add(sent)
  }

  async #exchange(status: number, method: string, path: string, body?: object): Promise<void> {
    const began = performance.now()
    const answer = await this.#balancer.send(method, path, body)
    this.#tookMs.push(performance.now() - began)
    this.answered += 1
    if (answer.status !== status) this.failures.push(`${method} ${path}: ${answer.status} ${answer.body}`)
    else if (status === 201) this.created.push((JSON.parse(answer.body) as Order).id)
  }
}
