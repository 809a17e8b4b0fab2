import { type Consumer, defineConsumer, type Unit } from 'millrace'
import { claimDue, releaseLapsed } from './claims.ts'
import { NotificationClaimed, NotificationsWaiting, roundTopic } from './events.ts'

/** Most notifications of one round. */
const roundSize = 100
/** A claim whose event was not handled for so long is given back. */
const lapseMs = 3_600_000
/** Most claims that are given back by one sweep. */
const mostReleased = 1_000

/** Claims the oldest that are due, and publishes each to be sent. Where there may be more, another round follows. */
export async function runRound(unit: Unit): Promise<void> {
  const claims = await claimDue(unit.db, roundSize)
  unit.publish(...claims.map(({ id, claim }) => NotificationClaimed({ id, claim })))
  if (claims.length === roundSize) unit.publish(NotificationsWaiting({}))
}

/** What the schedule does: those that are tried again, and those that nobody has been told of. */
export async function sweep(unit: Unit): Promise<void> {
  await releaseLapsed(unit.db, lapseMs, mostReleased)
  await runRound(unit)
}

/** Runs a round when there is something to send, one after the other. */
export const runRounds: Consumer = defineConsumer({
  name: 'notifications-rounds',
  topic: roundTopic,
  // However many have arrived at the same time: one round begins, and calls for the next itself.
  batch: { handle: (_events, unit) => runRound(unit) },
})
