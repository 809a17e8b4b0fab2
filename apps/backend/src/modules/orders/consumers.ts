import { type Consumer, defineConsumer, type Millrace } from 'millrace'
import { OrderConfirmed, OrderShipped, orderSteps } from './events.ts'
import { laterStatuses } from './order.ts'
import { type StepDelays, setNextStep } from './steps.ts'
import { moveOrders } from './store.ts'

const reached = { CONFIRMED: OrderConfirmed, SHIPPED: OrderShipped }

/**
 * Takes the steps that are due: many orders with one statement, which moves those that stand where the step leads from. The
 * others were deleted, or have taken it before.
 */
export function takeSteps(millrace: Millrace, delays: StepDelays): Consumer {
  const countRefused = millrace.count('orders_steps_refused', 'Steps not taken: the order was gone, or further')
  return defineConsumer({
    name: 'orders-steps',
    topic: orderSteps,
    batch: {
      handle: async (events, unit) => {
        for (const to of laterStatuses) {
          const ids = events.filter(({ data }) => data.to === to).map(({ data }) => data.id)
          if (ids.length === 0) continue
          const moved = await moveOrders(unit.db, ids, to)
          unit.publish(...moved.map((order) => reached[to](order)))
          for (const order of moved) setNextStep(unit, order, delays)
          if (moved.length < ids.length) unit.afterCommit(() => countRefused(ids.length - moved.length))
        }
      },
    },
  })
}
