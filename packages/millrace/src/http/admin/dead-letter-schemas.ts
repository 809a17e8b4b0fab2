import * as z from 'zod'

/** PostgreSQL's text cannot hold U+0000: what has it is nowhere, and must not break the statement that looks for it. */
const text = z
  .string()
  .max(300)
  .refine((value) => !value.includes('\0'), 'has a NUL character')
const id = z.string().regex(/^\d{1,18}$/, 'is not an id')
const time = z.iso.datetime({ offset: true }).transform((value) => Date.parse(value))

const common = {
  consumer: text.optional().describe('The consumer that gave up'),
  topic: text.optional(),
  reason: text.optional().describe('A part of the code or the reason, in whatever case'),
  since: time.optional().describe('Given up at this time or later'),
  until: time.optional().describe('Given up before this time'),
}
const withoutConsumer = 'Only refused publishes, which no consumer has given up'
const held = 'Only those that later records of their key wait for'

/** Parameters of one dead letter’s route. */
export const deadLetterParams = z.object({ id })

/** What the list is asked for. */
export const deadLetterQuery = z.object({
  ...common,
  withoutConsumer: z.stringbool().optional().describe(withoutConsumer),
  held: z.stringbool().optional().describe(held),
  ids: z
    .string()
    .regex(/^\d{1,18}(,\d{1,18}){0,999}$/, 'is not a list of ids')
    .transform((list) => list.split(','))
    .optional()
    .describe('Comma-separated'),
  after: id.optional().describe('The `next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

/** What is to be done, and about which. */
export const deadLetterRequest = z
  .object({
    ...common,
    withoutConsumer: z.boolean().optional().describe(withoutConsumer),
    held: z.boolean().optional().describe(held),
    ids: z.array(id).min(1).max(1_000).optional(),
    all: z.literal(true).optional().describe('Needed where nothing else says which'),
    dryRun: z.boolean().default(false).describe('Only count'),
    max: z.int().min(1).max(10_000).default(1_000).describe('How many at most'),
    rate: z.int().min(1).max(10_000).optional().describe('How many a second at most'),
    next: z
      .string()
      .regex(/^\d{1,18}-\d{1,18}$/, 'is not the `next` of an answer')
      .optional()
      .describe('Where the answer before said to go on'),
    by: text.optional().describe('Who asks, for the audit'),
  })
  .refine(
    ({ ids, consumer, withoutConsumer, topic, reason, since, until, held, all }) =>
      all ||
      withoutConsumer ||
      held ||
      [ids, consumer, topic, reason, since, until].some((given) => given !== undefined),
    'says neither which ones nor `all`',
  )

/** The same for redriving. */
export const redriveRequest = deadLetterRequest.safeExtend({
  force: z
    .boolean()
    .default(false)
    .describe('Also those redriven ten times before, and those of consumers that this app does not have'),
})

const bytes = z.object({
  base64: z.string(),
  text: z.string().optional().describe('Where they are UTF-8'),
  json: z.unknown().optional().describe('Where that is JSON'),
})

const summary = z.object({
  id: z.string(),
  consumer: z.string().nullable().describe('null: a refused publish'),
  topic: z.string(),
  partition: z.int().nullable(),
  offset: z.int().nullable(),
  key: bytes.nullable(),
  size: z.int().describe('Bytes of its value'),
  code: z.string().describe('Of docs/errors.md, an SQLSTATE, or the error’s name'),
  reason: z.string(),
  attempts: z.int().describe('How often it was handled; 0: it never could be'),
  redriven: z.int().describe('How often it was brought back before'),
  held: z.boolean().describe('Whether later records of its key wait for it'),
  recordedAt: z.iso.datetime().describe('The record’s own time'),
  failedAt: z.iso.datetime().describe('When it was given up'),
})

/** A page of dead letters. */
export const deadLetterPage = z.object({
  items: z.array(summary),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
})

/** One dead letter with all there is. */
export const deadLetterDetails = summary.extend({
  value: bytes.nullable(),
  headers: z.array(z.object({ name: z.string(), ...bytes.shape })),
  stack: z.string().nullable(),
  waiting: z.int().describe('How many later records of its key wait for it'),
})

/** What became of them. */
export const deadLetterOutcome = z.object({
  dryRun: z.boolean(),
  done: z.int().describe('How many were seen to; on a dry run, would be'),
  skipped: z.int(),
  reasons: z
    .array(
      z.object({ id: z.string(), why: z.enum(['gone', 'redriven-too-often', 'consumer-unknown', 'topic-unknown']) }),
    )
    .describe('Why some were left as they are; at most 100 of them'),
  next: z.string().nullable().describe('Ask again with it to go on; null: there are no more'),
})

/** What the list is asked for. */
export type DeadLetterQuery = z.output<typeof deadLetterQuery>
/** What is to be done, and about which. */
export type DeadLetterCommand = z.output<typeof deadLetterRequest> & { readonly force?: boolean }
/** A page of dead letters. */
export type DeadLetterPage = z.output<typeof deadLetterPage>
/** A dead letter in a list. */
export type DeadLetterItem = z.output<typeof summary>
/** One dead letter with all there is. */
export type DeadLetterAnswer = z.output<typeof deadLetterDetails>
/** What became of them. */
export type DeadLetterOutcome = z.output<typeof deadLetterOutcome>
