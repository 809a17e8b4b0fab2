import { type Duration, defineModule, exponential, type Logger, type Module, milliseconds } from 'millrace'
import { notificationUpdates } from './channels.ts'
import { takeRecords } from './consumers.ts'
import { notifyOfDueTasks } from './due-tasks.ts'
import { genericTopic, notificationTopic, roundTopic, sendingTopic } from './events.ts'
import { notificationRoutes } from './http.ts'
import { runRounds } from './rounds.ts'
import { notificationSchedules } from './schedules.ts'
import { createSender, type SenderOptions } from './senders/create-sender.ts'
import type { Sender } from './senders/sender.ts'
import { sendClaimed } from './sending.ts'

/** Options of {@link notifications}. */
export interface NotificationsOptions {
  /** How they are sent; or what sends them. */
  readonly sender: SenderOptions | Sender
  /** Records of a batch, at most. @default 25 */
  readonly batchSize?: number
  /** How long a batch waits for more once a record is there. @default '5s' */
  readonly batchWait?: Duration
  /** How often is looked for what is to be sent, besides arrivals. @default '30s' */
  readonly sendEvery?: Duration
  /** How long one attempt may take. @default '10s' */
  readonly sendTimeout?: Duration
  /** How often one is sent before it has failed. @default 10 */
  readonly attempts?: number
  /** The waiting time after the first failed attempt; it doubles with each, up to an hour. @default '30s' */
  readonly retryAfter?: Duration
  /** How long those that were sent are kept. @default '30d' */
  readonly keepSent?: Duration
  /** Whether users are notified of tasks that are due soon: only where the app has the module `tasks`. @default false */
  readonly ofDueTasks?: boolean
  readonly logger: Logger
}

/** Notifications: asked for over HTTP or by records, kept in PostgreSQL, sent by mail or webhook. */
export function notifications({
  sender,
  batchSize = 25,
  batchWait = '5s',
  sendEvery = '30s',
  sendTimeout = '10s',
  attempts = 10,
  retryAfter = '30s',
  keepSent = '30d',
  ofDueTasks = false,
  logger,
}: NotificationsOptions): Module {
  const sending = {
    sender: 'send' in sender ? sender : createSender(sender, logger),
    timeoutMs: milliseconds(sendTimeout),
    attempts,
    backoff: exponential({ first: retryAfter, cap: '1h' }),
  }
  return defineModule({
    name: 'notifications',
    topics: [notificationTopic, genericTopic, roundTopic, sendingTopic],
    consumers: (millrace) => [
      takeRecords(millrace, { batchSize, batchWait, logger }),
      runRounds,
      sendClaimed(millrace, sending),
      ...(ofDueTasks ? [notifyOfDueTasks] : []),
    ],
    schedules: (millrace) => notificationSchedules(millrace, { sendEvery, keepSent }),
    channels: [notificationUpdates],
    routes: notificationRoutes,
    migrations: new URL('./migrations/', import.meta.url),
  })
}
