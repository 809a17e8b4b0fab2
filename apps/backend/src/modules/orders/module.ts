import { defineModule, type Module } from 'millrace'
import { takeSteps } from './consumers.ts'
import { orderEvents, orderSteps } from './events.ts'
import { orderRoutes } from './http.ts'
import { sweepKeys } from './idempotency.ts'
import type { StepDelays } from './steps.ts'

/** Settings of {@link orders}. */
export interface OrdersOptions {
  /** Where its routes are mounted. @default '/orders' */
  readonly prefix?: string
  /** How long an order waits before it is CONFIRMED, and then before it is SHIPPED. */
  readonly delays: StepDelays
}

/** Orders: created over HTTP, then confirmed and shipped by themselves, each after a delay. */
export function orders({ prefix = '/orders', delays }: OrdersOptions): Module {
  return defineModule({
    name: 'orders',
    prefix,
    topics: [orderEvents, orderSteps],
    consumers: (millrace) => [takeSteps(millrace, delays)],
    schedules: [sweepKeys],
    routes: orderRoutes(delays),
    migrations: new URL('./migrations/', import.meta.url),
  })
}
