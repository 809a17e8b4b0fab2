// The code of add-a-consumer.md: add-a-consumer.test.ts runs it.
// #region consumer
import { defineConsumer, defineTopic } from 'millrace'
import * as z from 'zod'
import { NotificationRequested } from '../../apps/backend/src/modules/notifications/events.ts'

/** People who signed up, as another program tells it: plain JSON, one kind of event. */
export const signups = defineTopic('signups', {
  key: ({ data }) => data.user_id,
  events: { UserSignedUp: z.object({ user_id: z.string().min(1), name: z.string().min(1) }) },
})

/** Welcomes everybody who signed up. */
export const welcomeUsers = defineConsumer({
  name: 'welcome-users',
  topic: signups,
  on: {
    UserSignedUp: ({ data }, unit) => {
      const content = `Welcome, ${data.name}!`
      unit.publish(NotificationRequested({ user_id: data.user_id, event: 'welcome', content }))
    },
  },
})
// #endregion consumer
