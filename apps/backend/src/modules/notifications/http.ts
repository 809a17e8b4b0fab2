import { defineRoutes, fail } from 'millrace'
import * as z from 'zod'
import { existing } from '../../existing.ts'
import { readLive } from '../../live-reads.ts'
import { addNotification, sendAgain, sendAllAgain } from './commands.ts'
import {
  listQuery,
  type NewNotification,
  type Notification,
  newNotification,
  notification,
  notificationPage,
  retryRequest,
  statistic,
  userIdOf,
} from './notification.ts'
import { findNotification, listNotifications } from './store.ts'
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
    const key = headers['idempotency-key']
    const { isNew, notification } = await millrace.transaction((unit) => addNotification(unit, body, key))
    if (!isNew && !isSame(notification, body)) throw fail('IDEMPOTENCY_KEY_REUSED', {})
    return reply.code(201).send(notification)
  })

  route.get('/', { schema: list }, async ({ query }) => {
    // Live updates are of one user.
    if (query.user_id === undefined) return { ...(await listNotifications(millrace.db, query)), at: null }
    const { data, at } = await readLive(millrace, (db) => listNotifications(db, query))
    return { ...data, at }
  })

  route.get('/statistics', { schema: count }, async () => ({ items: await readStatistics(millrace.db) }))

  route.get('/:id', { schema: show }, async ({ params: { id } }) =>
    existing(await findNotification(millrace.db, id), 'notification', id),
  )

  route.post('/:id/retry', { schema: retry }, ({ params: { id } }) =>
    millrace.transaction((unit) => sendAgain(unit, id)),
  )

  route.post('/retry', { schema: retryAll }, async ({ body }) => ({ retried: await sendAllAgain(millrace, body) }))
})

function isSame(kept: Notification, asked: NewNotification): boolean {
  return kept.user_id === userIdOf(asked) && kept.event === asked.event && kept.content === asked.content
}
