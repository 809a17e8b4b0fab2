import { randomUUIDv7 } from 'node:crypto'
import { fail, type Unit } from 'millrace'
import { existing } from '../../existing.ts'
import { OrderCreated, OrderDeleted, OrderUpdated } from './events.ts'
import { claimKey } from './idempotency.ts'
import type { Order, OrderRequest } from './order.ts'
import { checkIfMatch } from './preconditions.ts'
import { cancelStep, type StepDelays, setNextStep } from './steps.ts'
import { deleteOrder, insertOrder, lockOrder, updateOrder } from './store.ts'

/** What a client asks to be created. */
interface Creation {
  readonly request: OrderRequest
  /** Its Idempotency-Key, where it has one. */
  readonly key: string | undefined
  readonly delays: StepDelays
}

/** Which order is meant, and in which version where the client says so. */
interface Meant {
  readonly id: string
  readonly ifMatch: string | undefined
}

/**
 * Creates an order, its event and the timer of its first step together; or answers with the order, as it was then, that
 * the key has created before.
 *
 * @throws IDEMPOTENCY_KEY_REUSED
 */
export async function createOrder(unit: Unit, { request, key, delays }: Creation): Promise<Order> {
  const id = randomUUIDv7()
  const before = key === undefined ? undefined : await claimKey(unit.db, { key, request, id })
  if (before) return before
  const created = await insertOrder(unit.db, id, request)
  unit.publish(OrderCreated(created))
  setNextStep(unit, created, delays)
  return created
}

/**
 * Changes what was ordered, until it is shipped.
 *
 * @throws NOT_FOUND, CHANGED_MEANWHILE, CHANGE_REFUSED
 */
export async function changeOrder(unit: Unit, meant: Meant, request: OrderRequest): Promise<Order> {
  const { id, status } = await lockMeant(unit, meant)
  if (status === 'SHIPPED') throw fail('CHANGE_REFUSED', { what: 'Order', id, reason: 'it is SHIPPED' })
  const updated = await updateOrder(unit.db, id, request)
  unit.publish(OrderUpdated(updated))
  return updated
}

/**
 * Deletes an order, whatever its status, and cancels its pending step.
 *
 * @throws NOT_FOUND, CHANGED_MEANWHILE
 */
export async function removeOrder(unit: Unit, meant: Meant): Promise<void> {
  const { id, version } = await lockMeant(unit, meant)
  await deleteOrder(unit.db, id)
  cancelStep(unit, id)
  unit.publish(OrderDeleted({ id, version: version + 1 }))
}

async function lockMeant({ db }: Unit, { id, ifMatch }: Meant): Promise<Order> {
  const found = existing(await lockOrder(db, id), 'order', id)
  checkIfMatch(found, ifMatch)
  return found
}
