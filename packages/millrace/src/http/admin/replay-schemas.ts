import * as z from 'zod'
import { by, partitionChoice, place } from './place-schemas.ts'

const id = z.string().regex(/^\d{1,9}$/, 'is not an id')

/** Parameters of one replay’s routes. */
export const replayParams = z.object({ id })

/** What the list is asked for. */
export const replayQuery = z.object({
  after: id.optional().describe('The `next` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Which records are to be handled once more. */
export const replayRequest = z.object({
  from: place,
  to: place.optional().describe('Up to there, exclusive. Default: where the topics end now'),
  ...partitionChoice,
  by,
})

/** Who cancels. */
export const replayCancel = z.object({ by }).nullish()

const partition = z.object({
  topic: z.string(),
  partition: z.int(),
  from: z.int(),
  to: z.int().describe('Exclusive'),
  position: z.int().describe('The offset it comes to next'),
  handled: z.int().describe('Offsets it has passed that are none of the following'),
  parked: z.int().describe('Records that wait: those that failed and are tried again, and those behind them'),
  dead: z.int().describe('Records given up: see the dead letters of its scope'),
  skipped: z.int().describe('Offsets that retention had deleted before it came to them'),
  lastError: z.string().nullable().describe('What last went wrong in this process, until something goes well'),
})

/** A replay. */
export const replay = z.object({
  id: z.string(),
  consumer: z.string(),
  scope: z.string().describe('The name of its scope: of its dead letters, and in logs and metrics'),
  state: z.enum(['running', 'done', 'cancelled', 'failed']),
  problem: z.string().nullable().describe('Why it failed'),
  by: z.string(),
  begunAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  here: z.boolean().describe('Whether this process runs it'),
  partitions: z.array(partition),
})

/** A replay, or on a dry run what it would be. */
export const replayBegun = z.object({
  dryRun: z.boolean(),
  id: z.string().nullable().describe('null on a dry run'),
  consumer: z.string(),
  records: z.int().describe('How many offsets it goes through'),
  partitions: z.array(z.object({ topic: z.string(), partition: z.int(), from: z.int(), to: z.int() })),
})

/** A page of replays. */
export const replayPage = z.object({
  items: z.array(replay),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
})

/** What the list is asked for. */
export type ReplayQuery = z.output<typeof replayQuery>
/** Which records are to be handled once more. */
export type ReplayCommand = z.output<typeof replayRequest>
/** A replay. */
export type ReplayItem = z.output<typeof replay>
/** What was begun. */
export type ReplayBegun = z.output<typeof replayBegun>
/** A page of replays. */
export type ReplayPage = z.output<typeof replayPage>
