import { type TestApp, type TestAppOptions, testApp } from 'millrace/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bind } from '../../database.ts'
import { OrderConfirmed, OrderCreated, OrderDeleted, OrderShipped, OrderUpdated, StepDue } from './events.ts'
import { orders } from './module.ts'
import type { Order } from './order.ts'

const delays = { CONFIRMED: '10s', SHIPPED: '20s' } as const
const tea = { item: 'tea', quantity: 2 }

const start = (options: Partial<TestAppOptions> = {}) => testApp({ modules: [orders({ delays })], bind, ...options })

type Headers = Readonly<Record<string, string>>

async function created(t: TestApp, request: object = tea, headers: Headers = {}): Promise<Order> {
  const answer = await post(t, request, headers)
  expect(answer.statusCode).toBe(201)
  return answer.json()
}

function post(t: TestApp, payload: object, headers: Headers = {}) {
  return t.http.request({ method: 'POST', url: '/orders/', payload, headers })
}

function put(t: TestApp, { id }: Pick<Order, 'id'>, payload: object, headers: Headers = {}) {
  return t.http.request({ method: 'PUT', url: `/orders/${id}`, payload, headers })
}

function remove(t: TestApp, { id }: Pick<Order, 'id'>, headers: Headers = {}) {
  return t.http.request({ method: 'DELETE', url: `/orders/${id}`, headers })
}

const get = (t: TestApp, { id }: Pick<Order, 'id'>) => t.http.get(`/orders/${id}`)

async function pass(t: TestApp, time: '9s' | '10s' | '20s'): Promise<void> {
  await t.clock.advance(time)
  await t.settled()
}

async function deadLetters(t: TestApp): Promise<unknown[]> {
  return (await t.database.query('SELECT * FROM millrace.dead_letter')).rows
}

async function refusedSteps(t: TestApp): Promise<string | undefined> {
  const { body } = await t.http.get('/metrics')
  return /^millrace_app_orders_steps_refused_total (\d+)$/m.exec(body)?.[1]
}

describe('an order', () => {
  test('is created, with where to find it and its version', async () => {
    await using t = await start()
    const answer = await post(t, { ...tea, status: 'SHIPPED', id: 'mine' })
    expect(answer.statusCode).toBe(201)
    const order = answer.json<Order>()
    expect(order).toEqual({
      ...tea,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      status: 'CREATED',
      version: 1,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      updated_at: order.created_at,
    })
    expect(answer.headers).toMatchObject({ location: `/orders/${order.id}`, etag: '"1"' })
    const found = await t.http.get(String(answer.headers.location))
    expect([found.statusCode, found.headers.etag, found.json()]).toEqual([200, '"1"', order])
    expect(await t.published(OrderCreated)).toMatchObject([{ data: order, key: order.id }])
  })

  test('is confirmed after its delay and shipped after the next, once each, with events', async () => {
    await using t = await start()
    const order = await created(t)
    await pass(t, '9s')
    expect((await get(t, order)).json()).toEqual(order)
    await pass(t, '10s')
    const confirmed = (await get(t, order)).json<Order>()
    expect(confirmed).toMatchObject({ ...tea, status: 'CONFIRMED', version: 2, created_at: order.created_at })
    expect(confirmed.updated_at > order.updated_at).toBe(true)
    await pass(t, '9s')
    expect((await get(t, order)).json()).toEqual(confirmed)
    await pass(t, '20s')
    const shipped = (await get(t, order)).json<Order>()
    expect(shipped).toMatchObject({ ...tea, status: 'SHIPPED', version: 3 })
    await pass(t, '20s')
    expect((await get(t, order)).json()).toEqual(shipped)
    expect(await t.published(OrderConfirmed)).toMatchObject([{ data: confirmed, key: order.id }])
    expect(await t.published(OrderShipped)).toMatchObject([{ data: shipped, key: order.id }])
    expect((await t.database.query('SELECT * FROM millrace.timer')).rows).toEqual([])
  })

  test('is changed until it is shipped; that neither hastens nor delays its steps', async () => {
    await using t = await start()
    const order = await created(t)
    await pass(t, '9s')
    const answer = await put(t, order, { item: 'coffee', quantity: 1 })
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, '"2"'])
    const changed = answer.json<Order>()
    expect(changed).toMatchObject({ id: order.id, item: 'coffee', quantity: 1, status: 'CREATED', version: 2 })
    expect(await t.published(OrderUpdated)).toMatchObject([{ data: changed, key: order.id }])
    await pass(t, '10s')
    expect((await put(t, order, { item: 'milk', quantity: 1 })).json()).toMatchObject({
      status: 'CONFIRMED',
      version: 4,
    })
    await pass(t, '20s')
    const refused = await put(t, order, tea)
    expect([refused.statusCode, refused.json()]).toMatchObject([
      409,
      { code: 'CHANGE_REFUSED', detail: `Order ${order.id} does not allow that: it is SHIPPED.` },
    ])
    expect((await get(t, order)).json()).toMatchObject({ item: 'milk', status: 'SHIPPED', version: 5 })
  })

  test.each([['CREATED'], ['CONFIRMED'], ['SHIPPED']])(
    'is deleted when it is %s, and takes no step after',
    async (status) => {
      await using t = await start()
      const order = await created(t)
      if (status !== 'CREATED') await pass(t, '10s')
      if (status === 'SHIPPED') await pass(t, '20s')
      const { version } = (await get(t, order)).json<Order>()
      const answer = await remove(t, order)
      expect([answer.statusCode, answer.body]).toEqual([204, ''])
      expect((await t.database.query('SELECT * FROM millrace.timer')).rows).toEqual([])
      await pass(t, '20s')
      expect((await get(t, order)).statusCode).toBe(404)
      expect(await t.published(OrderDeleted)).toMatchObject([{ data: { id: order.id, version: version + 1 } }])
      expect((await t.published(OrderConfirmed)).length).toBe(status === 'CREATED' ? 0 : 1)
      expect((await t.published(OrderShipped)).length).toBe(status === 'SHIPPED' ? 1 : 0)
      for (const again of [await remove(t, order), await put(t, order, tea)]) {
        expect([again.statusCode, again.json()]).toMatchObject([404, { code: 'NOT_FOUND' }])
      }
    },
  )
})

describe('steps', () => {
  test('that an order cannot take are refused: a second time, too early, or when it is gone', async () => {
    await using t = await start()
    const order = await created(t)
    const gone = await created(t)
    await remove(t, gone)
    const step = async (id: string, to: 'CONFIRMED' | 'SHIPPED') => {
      await t.millrace.transaction(async (unit) => unit.publish(StepDue({ id, to })))
      await t.settled()
    }
    await step(order.id, 'SHIPPED')
    expect((await get(t, order)).json()).toEqual(order)
    await step(order.id, 'CONFIRMED')
    await step(order.id, 'CONFIRMED')
    await step(gone.id, 'CONFIRMED')
    expect((await get(t, order)).json()).toMatchObject({ status: 'CONFIRMED', version: 2 })
    expect(await t.published(OrderConfirmed)).toHaveLength(1)
    expect(await t.published(OrderShipped)).toEqual([])
    expect(await refusedSteps(t)).toBe('3')
    await pass(t, '20s')
    expect((await get(t, order)).json()).toMatchObject({ status: 'SHIPPED', version: 3 })
    expect(await deadLetters(t)).toEqual([])
  })

  test('are taken by two processes that share the orders, each once', async () => {
    await using t = await start()
    await using other = await start({ databaseUrl: t.databaseUrl })
    const all = await Promise.all(Array.from({ length: 200 }, (_, nth) => created(nth % 2 === 0 ? t : other)))
    // What one app has settled says nothing of the other's partitions.
    for (const [delay, status] of [['10s', 'CONFIRMED'] as const, ['20s', 'SHIPPED'] as const]) {
      await t.clock.advance(delay)
      const reached = async () => (await t.http.get(`/orders/?limit=1000&status=${status}`)).json<Order[]>().length
      await expect.poll(reached, { timeout: 10_000 }).toBe(all.length)
    }
    expect((await t.http.get('/orders/?limit=1000')).json<Order[]>().every(({ version }) => version === 3)).toBe(true)
    expect(await t.published(OrderConfirmed)).toHaveLength(all.length)
    expect(await t.published(OrderShipped)).toHaveLength(all.length)
  })

  test('meet changes and deletions at the same time: every version is another change, and none is lost', async () => {
    await using t = await testApp({ modules: [orders({ delays: { CONFIRMED: '5ms', SHIPPED: '5ms' } })], bind })
    const all = await Promise.all(Array.from({ length: 60 }, () => created(t)))
    const changes = all.map(async (order, nth) => {
      if (nth % 3 === 0) await remove(t, order)
      else for (let quantity = 1; quantity <= 3; quantity += 1) await put(t, order, { item: 'tea', quantity })
    })
    await Promise.all(changes)
    await t.settled()
    const updates = await t.published(OrderUpdated)
    const deleted = await t.published(OrderDeleted)
    expect(deleted).toHaveLength(20)
    const steps = [...(await t.published(OrderConfirmed)), ...(await t.published(OrderShipped))]
    for (const order of all) {
      const versions = [...updates, ...steps, ...deleted].flatMap(({ data }) =>
        data.id === order.id ? [data.version] : [],
      )
      expect(versions.sort((a, b) => a - b)).toEqual(versions.map((_, nth) => nth + 2))
    }
    const left = (await t.http.get('/orders/?limit=1000')).json<Order[]>()
    expect(left.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 'SHIPPED'))
    expect(await deadLetters(t)).toEqual([])
  })
})

describe('If-Match', () => {
  test('lets only the version through that is meant', async () => {
    await using t = await start()
    const order = await created(t)
    expect((await put(t, order, tea, { 'if-match': '"1"' })).statusCode).toBe(200)
    for (const stale of ['"1"', 'W/"2"', '"1", "3"', '"22"']) {
      const answers = [await put(t, order, tea, { 'if-match': stale }), await remove(t, order, { 'if-match': stale })]
      for (const answer of answers) {
        expect([stale, answer.statusCode, answer.json()]).toMatchObject([stale, 412, { code: 'CHANGED_MEANWHILE' }])
      }
    }
    expect((await put(t, order, tea, { 'if-match': '"7", "2"' })).statusCode).toBe(200)
    expect((await put(t, order, tea, { 'if-match': '*' })).statusCode).toBe(200)
    expect((await remove(t, order, { 'if-match': '"4"' })).statusCode).toBe(204)
  })

  test('lets one through of those that change the same version at once', async () => {
    await using t = await start()
    const order = await created(t)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, nth) => put(t, order, { item: 'tea', quantity: nth + 1 }, { 'if-match': '"1"' })),
    )
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 412)])
    expect((await get(t, order)).json()).toMatchObject({ version: 2 })
  })

  test('that is no ETag is refused', async () => {
    await using t = await start()
    const order = await created(t)
    for (const header of ['3', '"a" "b"', '"a",']) {
      const answer = await put(t, order, tea, { 'if-match': header })
      expect([header, answer.statusCode, answer.json()]).toMatchObject([
        header,
        422,
        { code: 'REQUEST_INVALID', errors: [{ path: 'headers.if-match' }] },
      ])
    }
  })
})

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': '8e03978e-40d5-43dd-bc93-6894a57f9324' }

  test('makes one order, and the same answer, however often it is sent: also when the order has moved on', async () => {
    await using t = await start()
    const first = await post(t, tea, key)
    await pass(t, '10s')
    const again = await post(t, { quantity: 2, item: 'tea' }, key)
    expect([again.statusCode, again.body]).toEqual([201, first.body])
    expect([again.headers.location, again.headers.etag]).toEqual([first.headers.location, first.headers.etag])
    expect((await t.http.get('/orders/')).json()).toHaveLength(1)
    expect(await t.published(OrderCreated)).toHaveLength(1)
  })

  test('with another request is refused', async () => {
    await using t = await start()
    await created(t, tea, key)
    const answer = await post(t, { ...tea, quantity: 3 }, key)
    expect([answer.statusCode, answer.json()]).toMatchObject([422, { code: 'IDEMPOTENCY_KEY_REUSED' }])
    expect((await t.http.get('/orders/')).json()).toHaveLength(1)
  })

  test('sent at the same time, to several processes, makes one order', async () => {
    await using t = await start()
    await using other = await start({ databaseUrl: t.databaseUrl })
    const all = await Promise.all(Array.from({ length: 20 }, (_, nth) => created(nth % 2 === 0 ? t : other, tea, key)))
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
    expect((await t.http.get('/orders/')).json()).toHaveLength(1)
  })

  test('of a request that was refused is free', async () => {
    await using t = await start()
    expect((await post(t, { ...tea, quantity: 0 }, key)).statusCode).toBe(422)
    await created(t, tea, key)
  })

  test('is forgotten after 24 hours: at once by the next request, and by the schedule', async () => {
    await using t = await start()
    const first = await created(t, tea, key)
    await t.clock.advance('86399s')
    expect((await created(t, tea, key)).id).toBe(first.id)
    await t.clock.advance('2s')
    const second = await created(t, { item: 'coffee', quantity: 1 }, key)
    expect(second.id).not.toBe(first.id)
    expect((await created(t, { item: 'coffee', quantity: 1 }, key)).id).toBe(second.id)
    await t.clock.advance('1d')
    await t.clock.advance('1m')
    await t.settled()
    expect((await t.database.query('SELECT * FROM orders.idempotency_key')).rows).toEqual([])
  })
})

describe('the list', () => {
  test('is paged from the latest on, also while orders come and go', async () => {
    await using t = await start()
    const all: Order[] = []
    for (let nth = 0; nth < 5; nth += 1) all.unshift(await created(t, { item: `${nth}`, quantity: 1 }))
    const items = (page: { json(): unknown }) => (page.json() as Order[]).map(({ item }) => item)
    const first = await t.http.get('/orders?limit=2')
    expect(items(first)).toEqual(['4', '3'])
    await created(t, { item: '5', quantity: 1 })
    if (all[1]) await remove(t, all[1])
    const second = await t.http.get(next(first))
    expect(items(second)).toEqual(['2', '1'])
    const third = await t.http.get(next(second))
    expect(items(third)).toEqual(['0'])
    expect(third.headers.link).toBeUndefined()
    expect((await t.http.get('/orders?limit=5')).headers.link).toBeUndefined()
  })

  test('is filtered by status and item, over its pages', async () => {
    await using t = await start()
    await created(t)
    await created(t, { item: 'coffee', quantity: 1 })
    await pass(t, '10s')
    for (let quantity = 1; quantity <= 3; quantity += 1) await created(t, { item: 'tea', quantity })
    const count = async (query: string) => (await t.http.get(`/orders/${query}`)).json<Order[]>().length
    expect(await count('')).toBe(5)
    expect(await count('?status=CONFIRMED')).toBe(2)
    expect(await count('?status=SHIPPED')).toBe(0)
    expect(await count('?item=tea')).toBe(4)
    const first = await t.http.get('/orders/?status=CREATED&item=tea&limit=2')
    const second = await t.http.get(next(first))
    expect([...first.json<Order[]>(), ...second.json<Order[]>()].map(({ quantity }) => quantity)).toEqual([3, 2, 1])
  })

  test('is not asked for by what does not fit', async () => {
    await using t = await start()
    for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?status=LOST', '?after=x', '?offset=5']) {
      const answer = await t.http.get(`/orders/${query}`)
      expect([query, answer.statusCode, answer.json()]).toMatchObject([query, 422, { code: 'REQUEST_INVALID' }])
    }
  })
})

/** Where a client finds the next page. */
function next({ headers }: { readonly headers: { readonly link?: unknown } }): string {
  const [, reference = ''] = /^<(.*)>; rel="next"$/.exec(String(headers.link)) ?? []
  const { pathname, search } = new URL(reference, 'http://test/orders')
  return pathname + search
}

describe('what does not fit', () => {
  let t: TestApp
  beforeAll(async () => {
    t = await start()
  })
  afterAll(() => t.stop())

  test.each([
    ['no item', { quantity: 1 }, 'body.item', expect.any(String)],
    ['an empty item', { item: '', quantity: 1 }, 'body.item', 'must not be empty'],
    ['too long an item', { item: 'x'.repeat(201), quantity: 1 }, 'body.item', 'must not be longer than 200 characters'],
    ['a NUL', { item: 'a\0', quantity: 1 }, 'body.item', 'must not have NUL characters, which PostgreSQL cannot hold'],
    ['no quantity', { item: 'tea' }, 'body.quantity', expect.any(String)],
    ['a quantity of 0', { item: 'tea', quantity: 0 }, 'body.quantity', 'must be from 1 to 1000000'],
    ['too much', { item: 'tea', quantity: 1_000_001 }, 'body.quantity', 'must be from 1 to 1000000'],
    ['a fraction', { item: 'tea', quantity: 1.5 }, 'body.quantity', 'must be a whole number'],
    ['a quantity that is a text', { item: 'tea', quantity: '1' }, 'body.quantity', 'must be a whole number'],
  ])('is refused, on creating and on changing: %s', async (_what, body, path, message) => {
    const order = await created(t)
    for (const answer of [await post(t, body), await put(t, order, body)]) {
      expect([answer.statusCode, answer.json()]).toMatchObject([
        422,
        { code: 'REQUEST_INVALID', errors: [{ path, message }] },
      ])
    }
    expect((await t.http.get('/orders/?limit=1')).json()).toEqual([order])
  })

  test('an id that no order has, or that is none', async () => {
    const unknown = await get(t, { id: '01890a5d-ac96-774b-bcce-b302099a8057' })
    expect([unknown.statusCode, unknown.json()]).toMatchObject([404, { code: 'NOT_FOUND' }])
    expect((await get(t, { id: 'x'.repeat(36) })).statusCode).toBe(404)
    expect((await get(t, { id: '1' })).statusCode).toBe(404)
    expect((await get(t, { id: '-'.repeat(36) })).statusCode).toBe(422)
  })

  test('can be known from /openapi.json, with the headers', async () => {
    const { paths } = (await t.http.get('/openapi.json')).json()
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/orders/', '/orders/{id}']))
    const named = (parameters: { name: string }[]) => parameters.map(({ name }) => name)
    expect(named(paths['/orders/{id}'].put.parameters)).toEqual(expect.arrayContaining(['id', 'if-match']))
    expect(named(paths['/orders/'].post.parameters)).toEqual(['idempotency-key'])
    expect(paths['/orders/'].post.responses).toHaveProperty('201')
  })
})

describe('under the prefix /', () => {
  test('orders are at the root, beside what every app answers', async () => {
    await using t = await start({ modules: [orders({ prefix: '/', delays })] })
    const answer = await t.http.post('/', tea)
    const order = answer.json<Order>()
    expect([answer.statusCode, answer.headers.location]).toEqual([201, `/${order.id}`])
    expect((await t.http.get('/')).json()).toEqual([order])
    for (const url of [`/${order.id}`, `/${order.id}/`]) expect((await t.http.get(url)).json()).toEqual(order)
    for (const url of ['/docs', '/openapi.json', '/metrics', '/health/live', '/health/ready', '/health/progress']) {
      expect([url, (await t.http.get(url)).statusCode]).toEqual([url, 200])
    }
    expect((await t.http.get('/favicon.ico')).json()).toMatchObject({ code: 'ROUTE_NOT_FOUND' })
    const { paths } = (await t.http.get('/openapi.json')).json()
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/', '/{id}']))
  })
})
