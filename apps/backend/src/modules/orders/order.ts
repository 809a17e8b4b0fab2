import * as z from 'zod'
import { filledText } from '../../storable-text.ts'

/** The life of an order, in order. */
export const statuses = ['CREATED', 'CONFIRMED', 'SHIPPED'] as const

/** Where an order stands in its life. */
export type Status = (typeof statuses)[number]

/** Those that are reached from another one, by a step; in order. */
export const laterStatuses = ['CONFIRMED', 'SHIPPED'] as const satisfies Status[]

/** A status that is reached by a step. */
export type LaterStatus = (typeof laterStatuses)[number]

/** From which status each step leads; it is taken from no other. */
export const stepFrom = { CONFIRMED: 'CREATED', SHIPPED: 'CONFIRMED' } as const satisfies Record<LaterStatus, Status>

const mostOfIt = 1_000_000

const item = filledText(200)

const quantity = z
  .int('must be a whole number')
  .min(1, `must be from 1 to ${mostOfIt}`)
  .max(mostOfIt, `must be from 1 to ${mostOfIt}`)

/** What a client asks for, on creating an order and on changing it. */
export const orderRequest = z.object({ item, quantity })

/** An order, over HTTP and in events. */
export const order = z.object({
  id: z.uuid(),
  item,
  quantity,
  status: z.enum(statuses),
  version: z.int().describe('1 at first; raised by every change, also of the status'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})

/** What a client asks for. */
export type OrderRequest = z.output<typeof orderRequest>

/** One order. */
export type Order = z.output<typeof order>
