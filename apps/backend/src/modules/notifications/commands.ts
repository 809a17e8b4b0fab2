import { fail, type Millrace, type Unit } from 'millrace'
import { existing } from '../../existing.ts'
import { notificationUpdates } from './channels.ts'
import { type Claim, type Outcome, settle } from './claims.ts'
import { NotificationsWaiting } from './events.ts'
import type { NewNotification, Notification, RetryRequest } from './notification.ts'
import { findNotification, insertNotifications, insertOnce, type RetriedNotification, retryFailed } from './store.ts'

/** In one unit of work: what browsers are told of them is in memory together. */
const retriedAtOnce = 500

/** Keeps notifications, tells the browsers of their users, and wakes the sender. */
export async function addNotifications(unit: Unit, asked: readonly NewNotification[]): Promise<void> {
  for (const notification of await insertNotifications(unit.db, asked)) push(unit, 'notification_created', notification)
  unit.publish(NotificationsWaiting({}))
}

/**
 * Keeps a notification likewise, unless one was asked for with this key.
 *
 * @returns the one there is now, and whether it is new
 */
export async function addNotification(unit: Unit, asked: NewNotification, requestKey: string | undefined) {
  const result = await insertOnce(unit.db, asked, requestKey)
  if (!result.isNew) return result
  push(unit, 'notification_created', result.notification)
  unit.publish(NotificationsWaiting({}))
  return result
}

/** Writes down what sending came to, once, and tells it to the browsers of its user. */
export async function settleAndTell(unit: Unit, claim: Claim, outcome: Outcome): Promise<void> {
  const settled = await settle(unit.db, claim, outcome)
  if (settled) push(unit, outcome.sent ? 'notification_sent' : 'notification_failed', settled)
}

/**
 * Has one that has failed sent again.
 *
 * @throws NOT_FOUND; CHANGE_REFUSED where it has not failed
 */
export async function sendAgain(unit: Unit, id: string): Promise<Notification> {
  const [retried] = await retry(unit, { id, limit: 1 })
  if (retried) return retried.notification
  const { state } = existing(await findNotification(unit.db, id), 'notification', id)
  throw fail('CHANGE_REFUSED', { what: 'Notification', id, reason: `it is ${state}, not failed` })
}

/** Has those that have failed sent again, the oldest first, in several units of work where there are many; answers how many. */
export async function sendAllAgain(millrace: Millrace, request: RetryRequest): Promise<number> {
  let count = 0
  let last: RetriedNotification | undefined
  do {
    const limit = Math.min(request.limit - count, retriedAtOnce)
    const retried = await millrace.transaction((unit) => retry(unit, { ...request, limit }, last?.seq))
    count += retried.length
    last = retried.length === limit ? retried.at(-1) : undefined
  } while (last && count < request.limit)
  return count
}

async function retry(unit: Unit, request: RetryRequest, behind?: number): Promise<RetriedNotification[]> {
  const retried = await retryFailed(unit.db, request, behind)
  for (const { notification } of retried) push(unit, 'notification_retried', notification)
  if (retried.length > 0) unit.publish(NotificationsWaiting({}))
  return retried
}

type Update = 'notification_created' | 'notification_sent' | 'notification_failed' | 'notification_retried'

function push(unit: Unit, type: Update, notification: Notification): void {
  unit.push(notificationUpdates, notification.user_id, { type, data: notification })
}
