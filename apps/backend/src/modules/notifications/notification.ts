import * as z from 'zod'
import { filledText } from '../../storable-text.ts'

const userId = filledText(200)

/** Where a notification stands. */
export const states = ['unsent', 'sending', 'sent', 'failed'] as const

/** One of {@link states}. */
export type State = (typeof states)[number]

/** A notification as it is asked for: over HTTP, and as a record of the topic `notifications`. */
export const newNotification = z.object({
  user_id: z.union([userId, z.int()]).describe('Whom it is for; a number is taken as its digits'),
  event: filledText(200).describe('What it is about, such as `order_shipped`'),
  content: filledText(10_000).describe('What it says'),
})

/** A notification as it is asked for. */
export type NewNotification = z.output<typeof newNotification>

/** A notification as it is shown. */
export const notification = z.object({
  id: z.uuid().describe('Receivers get it with each attempt: `Idempotency-Key`, `Message-ID`'),
  user_id: z.string(),
  event: z.string(),
  content: z.string(),
  state: z.enum(states),
  attempts: z.int().describe('How often it was sent, well or not'),
  next_attempt_at: z.iso.datetime().nullable().describe('Of one that has failed and is tried again'),
  last_error: z.string().nullable(),
  created_at: z.iso.datetime(),
  sent_at: z.iso.datetime().nullable(),
})

/** A notification as it is shown. */
export type Notification = z.output<typeof notification>

/** The user as the table has it. */
export const userIdOf = ({ user_id }: Pick<NewNotification, 'user_id'>): string => String(user_id)

/** What a list is asked for. */
export const listQuery = z.object({
  user_id: userId.optional(),
  state: z.enum(states).optional(),
  after: z
    .string()
    .regex(/^\d{1,18}$/, 'is not the `next` of a page')
    .optional()
    .describe('The `next` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** What a list is asked for. */
export type ListQuery = z.output<typeof listQuery>

/** A page of notifications, the newest first. */
export const notificationPage = z.object({
  items: z.array(notification),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
  at: z
    .string()
    .nullable()
    .describe('Where `/ws/notifications` goes on from behind this answer (`resume`); null without a `user_id`'),
})

/** A page of notifications. */
export type NotificationPage = z.output<typeof notificationPage>

/** Which of those that have failed are to be sent again. */
export const retryRequest = z.object({
  id: z.uuid().optional(),
  user_id: userId.optional(),
  event: filledText(200).optional(),
  limit: z.int().min(1).max(10_000).default(1_000).describe('At most so many, the oldest first'),
})

/** Which of those that have failed are to be sent again. */
export type RetryRequest = z.output<typeof retryRequest>

/** How many notifications of an event there are. */
export const statistic = z.object({
  event: z.string(),
  unsent: z.int().describe('Those being sent are among them'),
  sent: z.int(),
  failed: z.int(),
  taken_at: z.iso.datetime(),
})

/** How many notifications of an event there are. */
export type Statistic = z.output<typeof statistic>
