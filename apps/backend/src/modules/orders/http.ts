import { defineRoutes, type Routes } from 'millrace'
import * as z from 'zod'
import { existing } from '../../existing.ts'
import { changeOrder, createOrder, removeOrder } from './commands.ts'
import { order, orderRequest, statuses } from './order.ts'
import { etagOf, ifMatch } from './preconditions.ts'
import type { StepDelays } from './steps.ts'
import { findOrder, listOrders } from './store.ts'

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
      const found = await listOrders(millrace.db, { ...query, limit: query.limit + 1 })
      const page = found.slice(0, query.limit)
      if (found.length > page.length) reply.header('link', linkToNext({ ...query, after: page.at(-1)?.id }))
      return page
    })

    route.post('/', { schema: create }, async ({ body, headers }, reply) => {
      const key = headers['idempotency-key']
      const created = await millrace.transaction((unit) => createOrder(unit, { request: body, key, delays }))
      reply.headers({ location: `${route.prefix}/${created.id}`, etag: etagOf(created) })
      return reply.code(201).send(created)
    })

    route.get(one, { schema: read }, async ({ params: { id } }, reply) => {
      const found = existing(await findOrder(millrace.db, id), 'order', id)
      return reply.header('etag', etagOf(found)).send(found)
    })

    route.put(one, { schema: update }, async ({ params: { id }, headers, body }, reply) => {
      const meant = { id, ifMatch: headers['if-match'] }
      const updated = await millrace.transaction((unit) => changeOrder(unit, meant, body))
      return reply.header('etag', etagOf(updated)).send(updated)
    })

    route.delete(one, { schema: remove }, async ({ params: { id }, headers }, reply) => {
      await millrace.transaction((unit) => removeOrder(unit, { id, ifMatch: headers['if-match'] }))
      return reply.code(204).send()
    })
  })
}

/** Query alone: that is right under whatever path a proxy has put the routes. */
function linkToNext(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]))
  return `<?${new URLSearchParams(given)}>; rel="next"`
}
