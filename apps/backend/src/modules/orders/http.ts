import { randomUUIDv7 } from 'node:crypto'
import { defineRoutes, fail, type Millrace, type Routes, type Unit } from 'millrace'
import * as z from 'zod'
import { OrderCreated, OrderDeleted, OrderUpdated } from './events.ts'
import { claimKey } from './idempotency.ts'
import { type Order, type OrderRequest, order, orderRequest, statuses } from './order.ts'
import { checkIfMatch, etagOf, ifMatch } from './preconditions.ts'
import { cancelStep, type StepDelays, setNextStep } from './steps.ts'
import { deleteOrder, findOrder, insertOrder, listOrders, lockOrder, updateOrder } from './store.ts'

/** Where only what may be an id is taken for one: under the prefix `/`, that leaves other paths to others. */
const one = '/:id([0-9a-fA-F-]{36})'
const params = z.object({ id: z.uuid() })

const list = {
  summary: 'List orders, the latest first',
  description: 'Where there are more, the header Link has the next page: `<?after=…>; rel="next"`.',
  querystring: z.strictObject({
    status: z.enum(statuses).optional(),
    item: order.shape.item.optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
    after: z.uuid().optional().describe('The id of the last order of the page before'),
  }),
  response: { 200: z.array(order) },
}

const create = {
  summary: 'Create an order',
  description:
    'It is CONFIRMED, and then SHIPPED, by itself. A request that is sent again with its Idempotency-Key, within 24 hours, makes no other order and is answered the same.',
  headers: z.object({
    'idempotency-key': z
      .string()
      .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
      .optional()
      .describe('Any text that no other request has, such as a UUID'),
  }),
  body: orderRequest,
  response: { 201: order },
}

const read = { summary: 'Get an order', params, response: { 200: order } }

const update = {
  summary: 'Change an order',
  description: 'What is SHIPPED cannot be changed.',
  params,
  headers: ifMatch,
  body: orderRequest,
  response: { 200: order },
}

const remove = {
  summary: 'Delete an order',
  description: 'Whatever its status; it takes no further step.',
  params,
  headers: ifMatch,
  response: { 204: z.undefined() },
}

/** The routes of orders: create, read, update, delete. */
export function orderRoutes(delays: StepDelays): Routes {
  return defineRoutes((route, millrace) => {
    route.get('/', { schema: list }, async ({ query }, reply) => {
      const orders = await listOrders(millrace.db, { ...query, limit: query.limit + 1 })
      const page = orders.slice(0, query.limit)
      const last = page.at(-1)
      if (last && orders.length > page.length) reply.header('link', linkToNext({ ...query, after: last.id }))
      return page
    })

    route.post('/', { schema: create }, async ({ body, headers }, reply) => {
      const created = await createOrder(millrace, delays, { ...body, key: headers['idempotency-key'] })
      return reply
        .code(201)
        .headers({ location: `${route.prefix}/${created.id}`, etag: etagOf(created) })
        .send(created)
    })

    route.get(one, { schema: read }, async ({ params: { id } }, reply) => {
      const found = existing(await findOrder(millrace.db, id), id)
      return reply.header('etag', etagOf(found)).send(found)
    })

    route.put(one, { schema: update }, async ({ params: { id }, headers, body }, reply) => {
      const updated = await millrace.transaction(async (unit) => {
        const { status } = await meantOrder(unit, id, headers['if-match'])
        if (status === 'SHIPPED') throw fail('CHANGE_REFUSED', { what: 'Order', id, reason: 'it is SHIPPED' })
        const updated = await updateOrder(unit.db, id, body)
        unit.publish(OrderUpdated(updated))
        return updated
      })
      return reply.header('etag', etagOf(updated)).send(updated)
    })

    route.delete(one, { schema: remove }, async ({ params: { id }, headers }, reply) => {
      await millrace.transaction(async (unit) => {
        const { version } = await meantOrder(unit, id, headers['if-match'])
        await deleteOrder(unit.db, id)
        cancelStep(unit, id)
        unit.publish(OrderDeleted({ id, version: version + 1 }))
      })
      return reply.code(204).send()
    })
  })
}

/** Query alone: that is right under whatever path a proxy has put the routes. */
function linkToNext(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]))
  return `<?${new URLSearchParams(given)}>; rel="next"`
}

/** The order, its event and the timer of its first step, together; or the order that the key has made before. */
async function createOrder(
  millrace: Millrace,
  delays: StepDelays,
  { key, ...request }: OrderRequest & { readonly key: string | undefined },
): Promise<Order> {
  const id = randomUUIDv7()
  return millrace.transaction(async (unit) => {
    const before = key === undefined ? undefined : await claimKey(unit.db, { key, request, id })
    if (before) return before
    const created = await insertOrder(unit.db, id, request)
    unit.publish(OrderCreated(created))
    setNextStep(unit, created, delays)
    return created
  })
}

/** The order that is to be changed, locked. */
async function meantOrder({ db }: Unit, id: string, header: string | undefined): Promise<Order> {
  const found = existing(await lockOrder(db, id), id)
  checkIfMatch(found, header)
  return found
}

function existing(found: Order | undefined, id: string): Order {
  if (!found) throw fail('NOT_FOUND', { what: 'order', id })
  return found
}
