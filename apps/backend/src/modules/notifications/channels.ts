// A client takes the types of this file, and of what it imports: schemas alone.
import { defineChannel } from 'millrace'
import * as z from 'zod'
import { notification } from './notification.ts'

/** What happened, and the notification as it is after it. */
function update<const Type extends string>(type: Type) {
  return z.object({ type: z.literal(type), data: notification })
}

/**
 * What becomes of the notifications of a user: asked for, sent, an attempt failed (the state says whether it was the last),
 * sent again on request. That one is being sent is not told: it is over in a moment, and that is.
 */
export const notificationUpdates = defineChannel('notifications', {
  message: z.discriminatedUnion('type', [
    update('notification_created'),
    update('notification_sent'),
    update('notification_failed'),
    update('notification_retried'),
  ]),
  audience: (user) => user.id,
})
