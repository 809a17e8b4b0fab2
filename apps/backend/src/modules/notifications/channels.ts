// A client takes the types of this file, and of what it imports: schemas alone.
import { defineChannel } from 'millrace'
import * as z from 'zod'
import { notification } from './notification.ts'

/**
 * What becomes of the notifications of a user, with the notification as it is then. `notification_failed` is of each failed
 * attempt: the state says whether it was the last. That one is being sent is not told: it is over in a moment.
 */
export const notificationUpdates = defineChannel('notifications', {
  message: z.object({
    type: z.enum(['notification_created', 'notification_sent', 'notification_failed', 'notification_retried']),
    data: notification,
  }),
  audience: (user) => user.id,
})
