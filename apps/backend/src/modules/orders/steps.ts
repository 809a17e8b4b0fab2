import type { Duration, Unit } from 'millrace'
import { StepDue } from './events.ts'
import { type LaterStatus, laterStatuses, type Order, stepFrom } from './order.ts'

/** How long an order waits before each step. */
export type StepDelays = Readonly<Record<LaterStatus, Duration>>

/** An order has one pending step at most. */
const timer = 'step'

/** Sets the timer of an order's next step, where it has one; it is there once the unit has committed. */
export function setNextStep(unit: Unit, { id, status }: Order, delays: StepDelays): void {
  const to = laterStatuses.find((later) => stepFrom[later] === status)
  if (to) unit.publishAfter(delays[to], StepDue({ id, to }), { name: timer })
}

/** Cancels an order's pending step. One that is due already finds no order. */
export function cancelStep(unit: Unit, id: string): void {
  unit.cancel(StepDue, id, timer)
}
