import * as z from 'zod'
import { by, partitionChoice, place } from './place-schemas.ts'

/** Where a consumer is to go on. */
export const seekRequest = z.object({ to: place, ...partitionChoice, by })

/** Where it was taken. */
export const seekOutcome = z.object({
  name: z.string(),
  dryRun: z.boolean(),
  dropped: z.int().describe('Parked records that were dropped, as the consumer comes to them again'),
  partitions: z.array(
    z.object({
      topic: z.string(),
      partition: z.int(),
      from: z.int().nullable().describe('null: it had no position in this topic'),
      to: z.int(),
    }),
  ),
})

/** Where a consumer is to go on. */
export type SeekCommand = z.output<typeof seekRequest>
/** Where it was taken. */
export type SeekAnswer = z.output<typeof seekOutcome>
