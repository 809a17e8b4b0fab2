import * as z from 'zod'
import { by } from './place-schemas.ts'

const name = z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, 'is not a consumer’s name')

/** Parameters of one consumer’s routes. */
export const consumerParams = z.object({ name })

/** What the list is asked for. */
export const consumerQuery = z.object({
  after: name.optional().describe('The `next` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(100),
})

const partition = z.object({
  topic: z.string(),
  partition: z.int(),
  position: z.int().describe('The offset of the next record to handle'),
  end: z.int().nullable().describe('The offset the next record of the log will get; null: the broker does not say'),
  lag: z.int().nullable().describe('How many offsets lie between'),
  lagMs: z.int().nullable().describe('How old the next record is; null: this process has not read it'),
  movedAt: z.iso.datetime().describe('When the position moved last'),
  here: z.boolean().describe('Whether this process has the partition; what follows is known only then'),
  stillMs: z.int().nullable().describe('For how long it has been seen behind the end without moving'),
  lastError: z.string().nullable().describe('Code or name of what last went wrong, until something goes well'),
})

const consumer = z.object({
  name: z.string(),
  state: z.enum(['running', 'paused']),
  pausedSince: z.iso.datetime().nullable(),
  lag: z.int().nullable().describe('Of all partitions; null where one is not known'),
  heldKeys: z.int().describe('Keys whose later records wait for one that failed'),
  parked: z.int().describe('Records that wait: those that failed and are tried again, and those behind them'),
  deadLetters: z.int(),
  breakerOpen: z
    .boolean()
    .nullable()
    .describe(
      'Whether this process waits until something all its records need is well again; null: it does not run it',
    ),
  partitions: z.array(partition),
})

/** A page of consumers. */
export const consumerPage = z.object({
  items: z.array(consumer),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
})

/** Who switches a consumer off or on. */
export const switchRequest = z.object({ by }).nullish()

/** How a consumer stands after it was switched. */
export const consumerSwitched = z.object({ name: z.string(), state: z.enum(['running', 'paused']) })

/** What the list is asked for. */
export type ConsumerQuery = z.output<typeof consumerQuery>
/** A page of consumers. */
export type ConsumerPage = z.output<typeof consumerPage>
/** A consumer in a list. */
export type ConsumerItem = z.output<typeof consumer>
/** Who switches a consumer off or on. */
export type SwitchCommand = NonNullable<z.output<typeof switchRequest>>
/** How a consumer stands after it was switched. */
export type ConsumerSwitched = z.output<typeof consumerSwitched>
