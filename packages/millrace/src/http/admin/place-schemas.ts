import * as z from 'zod'

/** A point in the logs of a consumer’s topics. */
export const place = z
  .union([z.enum(['earliest', 'latest']), z.iso.datetime({ offset: true }), z.int().min(0)])
  .describe('`earliest`, `latest`, the first record of a time or later (ISO 8601), or an offset, of one partition')

/** Which of a consumer’s partitions, and who asks. */
export const partitionChoice = {
  topic: z.string().max(300).optional().describe('Default: all topics of the consumer'),
  partition: z.int().min(0).max(1_000_000).optional().describe('Default: all partitions'),
  dryRun: z.boolean().default(false).describe('Only say what would be done'),
}

/** Who asks. */
export const by = z
  .string()
  .max(300)
  .refine((value) => !value.includes('\0'), 'has a NUL character')
  .optional()
  .describe('Who asks, for the audit')

/** A point in the logs of a consumer’s topics. */
export type PlaceText = z.output<typeof place>
