import { defineTopic } from 'millrace'
import * as z from 'zod'
import { laterStatuses, order } from './order.ts'

/** What has happened to orders: each event has the order as it was then. */
export const orderEvents = defineTopic('orders.events', {
  key: ({ data }) => data.id,
  events: {
    OrderCreated: order,
    OrderUpdated: order,
    OrderConfirmed: order,
    OrderShipped: order,
    /** Its version is the one behind the order's last. */
    OrderDeleted: order.pick({ id: true, version: true }),
  },
})

/** Facts about orders, published with the rows that they are about. */
export const { OrderCreated, OrderUpdated, OrderConfirmed, OrderShipped, OrderDeleted } = orderEvents.events

/** Steps that are due. They are no facts yet: an order that was deleted meanwhile, or is further, takes none. */
export const orderSteps = defineTopic('orders.steps', {
  key: ({ data }) => data.id,
  events: { StepDue: z.object({ id: z.uuid(), to: z.enum(laterStatuses) }) },
})

/** An order is to take a step; published by a timer. */
export const { StepDue } = orderSteps.events
