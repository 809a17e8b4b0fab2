import { defineTopic } from 'millrace'
import * as z from 'zod'
import { newNotification, userIdOf } from './notification.ts'

/**
 * Notifications that are asked for, by other modules in their units of work and by other programs as plain JSON. A record
 * that does not fit is a dead letter.
 */
export const notificationTopic = defineTopic('notifications', {
  key: ({ data }) => userIdOf(data),
  events: { NotificationRequested: newNotification },
})

/** A notification is asked for. */
export const { NotificationRequested } = notificationTopic.events

/** Any JSON of other programs. */
export const genericTopic = defineTopic('generic_topic', { events: { GenericMessage: z.json() } })

/** Internal: wakes the sender. One partition, as one round at a time is enough. */
export const roundTopic = defineTopic('notifications.rounds', {
  broker: 'postgres',
  partitions: 1,
  events: { NotificationsWaiting: z.object({}) },
})

/** There are unsent notifications. */
export const { NotificationsWaiting } = roundTopic.events

/** Internal: what a round has claimed. Its key is the notification, so that none waits for another. */
export const sendingTopic = defineTopic('notifications.sending', {
  broker: 'postgres',
  key: ({ data }) => data.id,
  events: { NotificationClaimed: z.object({ id: z.uuid(), claim: z.int() }) },
})

/** A notification is to be sent; `claim` tells it from earlier and later claims of the same one. */
export const { NotificationClaimed } = sendingTopic.events
