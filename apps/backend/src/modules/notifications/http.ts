import { defineRoutes, fail, type Unit } from 'millrace'
import * as z from 'zod'
import { existing } from '../../existing.ts'
import { NotificationsWaiting } from './events.ts'
import {
  listQuery,
  type NewNotification,
  type Notification,
  newNotification,
  notification,
  notificationPage,
  type RetryRequest,
  retryRequest,
  statistic,
  userIdOf,
} from './notification.ts'
import { findNotification, insertOnce, listNotifications, retryFailed } from './store.ts'
import { readStatistics } from './upkeep.ts'

const one = z.object({ id: z.uuid() })
const requestKey = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('The same key again is answered with the notification there is'),
})

const create = {
  summary: 'Ask for a notification',
  description: 'It is kept when this answers, and sent soon after.',
  headers: requestKey,
  body: newNotification,
  response: { 201: notification },
}
const list = {
  summary: 'List notifications, the newest first',
  querystring: listQuery,
  response: { 200: notificationPage },
}
const show = { summary: 'Show a notification', params: one, response: { 200: notification } }
const retry = { summary: 'Send one that has failed again', params: one, response: { 200: notification } }
const retryAll = {
  summary: 'Send those that have failed again',
  description: 'All that is given has to fit; with nothing, all of them.',
  body: retryRequest,
  response: { 200: z.object({ retried: z.int() }) },
}
const count = {
  summary: 'Count notifications by event',
  description: 'As they were counted last, every 5 minutes.',
  response: { 200: z.object({ items: z.array(statistic) }) },
}

/** The routes under `/notifications`. */
export const notificationRoutes = defineRoutes((route, millrace) => {
  route.post('/', { schema: create }, async ({ body, headers }, reply) => {
    const { isNew, notification } = await millrace.transaction(async (unit) => {
      const result = await insertOnce(unit.db, body, headers['idempotency-key'])
      if (result.isNew) unit.publish(NotificationsWaiting({}))
      return result
    })
    if (!isNew && !isSame(notification, body)) throw fail('IDEMPOTENCY_KEY_REUSED', {})
    return reply.code(201).send(notification)
  })

  route.get('/', { schema: list }, ({ query }) => listNotifications(millrace.db, query))

  route.get('/statistics', { schema: count }, async () => ({ items: await readStatistics(millrace.db) }))

  route.get('/:id', { schema: show }, async ({ params: { id } }) =>
    existing(await findNotification(millrace.db, id), 'notification', id),
  )

  route.post('/:id/retry', { schema: retry }, ({ params: { id } }) =>
    millrace.transaction(async (unit) => {
      const retried = await retryIn(unit, { id, limit: 1 })
      const notification = existing(await findNotification(unit.db, id), 'notification', id)
      if (retried === 0)
        throw fail('CHANGE_REFUSED', { what: 'Notification', id, reason: `it is ${notification.state}, not failed` })
      return notification
    }),
  )

  route.post('/retry', { schema: retryAll }, ({ body }) =>
    millrace.transaction(async (unit) => ({ retried: await retryIn(unit, body) })),
  )
})

async function retryIn(unit: Unit, request: RetryRequest): Promise<number> {
  const retried = await retryFailed(unit.db, request)
  if (retried > 0) unit.publish(NotificationsWaiting({}))
  return retried
}

function isSame(kept: Notification, asked: NewNotification): boolean {
  return kept.user_id === userIdOf(asked) && kept.event === asked.event && kept.content === asked.content
}
