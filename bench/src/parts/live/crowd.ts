import { now } from './clock.ts'
import { Connection, type ConnectOrder } from './connection.ts'
import { Histogram } from './histogram.ts'
import { countIn, numberIn } from './message.ts'

/** Clients to be connected, the nth as `user-n`. */
export interface OpenOrder extends ConnectOrder {
  readonly clients: number
}

/** Updates to be waited for. */
export interface ExpectOrder {
  /** The number of the first; the others follow. */
  readonly first: number
  readonly updates: number
  /** Each comes to all clients, or to the one whose turn it is. */
  readonly isForAll: boolean
  /** The first one is due then, by {@link now}, and so many a second from there on. */
  readonly start: number
  readonly perSecond: number
}

/** How updates came. */
export interface Arrivals {
  /** From when they were due, in milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly deliveries: number
  /** How many never came. */
  readonly missing: number
}

/** A payload that has come to a client. */
type Came = (client: number, bytes: Buffer, start: number, end: number) => void

/** So many shake hands at a time. */
const openedAtOnce = 200
/** The last update may come so late. */
const patienceMs = 20_000

/** All clients of a round. */
export class Crowd {
  readonly #lost: (error: Error) => void
  #order: OpenOrder = { url: '', isGreeted: false, clients: 0 }
  #connections: Connection[] = []
  #came: Came = () => {}

  /** @param lost told when a client is closed that was not cut */
  constructor(lost: (error: Error) => void) {
    this.#lost = lost
  }

  /** Connects all clients, some at a time. */
  async open(order: OpenOrder): Promise<void> {
    this.#order = order
    const rest = Array.from({ length: order.clients }, (_, nth) => nth).values()
    const openSome = async () => {
      for (const nth of rest) await this.#connect(nth)
    }
    await Promise.all(Array.from({ length: openedAtOnce }, openSome))
  }

  /** Cuts all clients. */
  cut(): void {
    for (const connection of this.#connections) connection.cut()
  }

  /** Connects all clients again, at once, each from where it was. Resolves when each was given all that it has missed. */
  recover({ missed }: { readonly missed: number }): Promise<Arrivals> {
    const start = now()
    const arrivals = new Awaited(this.#order.clients * missed)
    this.#came = (_client, bytes, from, to) => {
      const ms = now() - start
      for (let count = countIn(bytes, from, to); count > 0; count -= 1) arrivals.add(ms)
    }
    for (const [nth, { at }] of this.#connections.entries()) this.#connect(nth, at).catch(() => {})
    return arrivals.end(patienceMs)
  }

  /** Notes when updates come. Resolves when all have come, or no more do. */
  expect({ first, updates, isForAll, start, perSecond }: ExpectOrder): Promise<Arrivals> {
    const { clients } = this.#order
    const arrivals = new Awaited(isForAll ? updates * clients : updates)
    this.#came = (client, bytes, from) => {
      const n = numberIn(bytes, from)
      if (n === undefined) return
      if (n < first || n >= first + updates) throw new Error(`update ${n} has come, which is not of this step`)
      if (!isForAll && n % clients !== client) throw new Error(`update ${n} has come to client ${client}`)
      arrivals.add(now() - start - ((n - first) * 1_000) / perSecond)
    }
    return arrivals.end((1_000 * updates) / perSecond + patienceMs)
  }

  #connect(nth: number, resume?: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const query = { token: `user-${nth}`, ...(resume !== undefined && { resume }) }
    this.#connections[nth] = new Connection(this.#order, query, {
      opened: resolve,
      came: (bytes, start, end) => this.#came(nth, bytes, start, end),
      lost: (error) => {
        reject(error)
        this.#lost(error)
      },
    })
    return promise
  }
}

/** Deliveries that are waited for. */
class Awaited {
  readonly #deliveries: number
  readonly #histogram = new Histogram()
  readonly #all = Promise.withResolvers<void>()

  constructor(deliveries: number) {
    this.#deliveries = deliveries
  }

  add(ms: number): void {
    this.#histogram.add(ms)
    if (this.#histogram.count === this.#deliveries) this.#all.resolve()
  }

  /** Resolves when all have come, or after so many milliseconds. */
  async end(withinMs: number): Promise<Arrivals> {
    const timer = setTimeout(this.#all.resolve, withinMs)
    await this.#all.promise
    clearTimeout(timer)
    const [p50 = 0, p99 = 0, max = 0] = [0.5, 0.99, 1].map((part) => this.#histogram.quantile(part))
    return { p50, p99, max, deliveries: this.#deliveries, missing: this.#deliveries - this.#histogram.count }
  }
}
