import { Worker } from 'node:worker_threads'
import { now } from './clock.ts'
import { type Arrivals, Crowd, type OpenOrder } from './crowd.ts'
import type { Schedule } from './pacer.ts'

/** What the clients' process is told, one at a time. */
export type ClientsOrder =
  | ({ readonly do: 'open' } & OpenOrder)
  | {
      readonly do: 'hold'
      readonly first: number
      readonly updates: number
      readonly perSecond: number
      readonly isForAll: boolean
    }
  | { readonly do: 'cut' }
  | { readonly do: 'recover'; readonly missed: number }

/** What it answers when that is done. */
export interface ClientsAnswer {
  readonly arrivals?: Arrivals
  readonly tookMs: number
  /** How much of a core the clients took meanwhile. */
  readonly busy: number
}

/** From an order to its first update. */
const leadMs = 5

const crowd = new Crowd((error) => {
  throw error
})
const pacer = new Worker(new URL('./pacer.ts', import.meta.url))
pacer.unref()

process.on('message', (order: ClientsOrder) => void answer(order))

async function answer(order: ClientsOrder): Promise<void> {
  const began = now()
  const before = process.cpuUsage()
  const arrivals = await obey(order)
  const tookMs = now() - began
  const { user, system } = process.cpuUsage(before)
  process.send?.({
    ...(arrivals && { arrivals }),
    tookMs,
    busy: (user + system) / 1_000 / tookMs,
  } satisfies ClientsAnswer)
}

async function obey(order: ClientsOrder): Promise<Arrivals | undefined> {
  if (order.do === 'open') await crowd.open(order)
  if (order.do === 'cut') crowd.cut()
  if (order.do === 'recover') return crowd.recover(order)
  if (order.do !== 'hold') return undefined
  const { updates: count, perSecond } = order
  const start = now() + leadMs
  pacer.postMessage({ start, perSecond, count } satisfies Schedule)
  return crowd.expect({ ...order, start })
}
