import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { ClientsAnswer, ClientsOrder } from './clients-main.ts'
import type { Arrivals, OpenOrder } from './crowd.ts'
import { Histogram } from './histogram.ts'

/** Updates at a steady rate. */
export interface Load {
  readonly updates: number
  readonly perSecond: number
}

/** How a load was borne. */
export interface Borne extends Arrivals {
  /** What this process took of the processors, in microseconds a delivery. */
  readonly cpu: number
  /** How long pushing took by itself, in milliseconds: until a unit of work had committed. */
  readonly pushing: { readonly p50: number; readonly p99: number }
  /** How much of a core the clients took. */
  readonly clientsBusy: number
}

/** How much of the machine the clients took. */
export function clientsNote({ clientsBusy }: Borne): string {
  return `the clients took ${Math.round(clientsBusy * 100)} % of a core`
}

/** So many units of work may be under way; what is due besides waits, and its time counts. */
const mostUnderWay = 500

/**
 * The clients of a round, in a process of their own: what the server's process takes of the processors is the server's
 * alone. They say when something is to be pushed as well, as requests would: at a steady rate, whatever the server does.
 */
export class LiveClients implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #isForAll: boolean
  readonly #push: (n: number) => Promise<void> | void
  readonly #failed = Promise.withResolvers<never>()
  #next = 0
  #due = 0
  #underWay = 0
  #pushing = new Histogram()

  /** @param push pushes the nth update */
  constructor(isForAll: boolean, push: (n: number) => Promise<void> | void) {
    this.#isForAll = isForAll
    this.#push = push
    this.#child = fork(new URL('./clients-main.ts', import.meta.url), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      execArgv: [],
    })
    this.#failed.promise.catch(() => {})
    this.#child.once('exit', () => this.#failed.reject(new Error('the clients have ended')))
    const dueNow = this.#child.stdio[4] as Readable
    dueNow.on('data', (bytes: Buffer) => {
      this.#due += bytes.length
      this.#pushDue()
    })
  }

  /** Connects them; answers how long it took, in milliseconds. */
  async open(order: OpenOrder): Promise<number> {
    return (await this.#ask({ do: 'open', ...order })).tookMs
  }

  /** Has updates pushed at a steady rate, and waits until all have come. */
  hold(load: Load): Promise<Borne> {
    return this.#bear({ do: 'hold', first: this.#next, isForAll: this.#isForAll, ...load })
  }

  /** Cuts all of them. */
  async cut(): Promise<void> {
    await this.#ask({ do: 'cut' })
  }

  /** Has all of them come back at once, and waits until each has been given so many updates. */
  recover(missed: number): Promise<Borne> {
    return this.#bear({ do: 'recover', missed })
  }

  /** Ends their process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  async #bear(order: ClientsOrder): Promise<Borne> {
    this.#pushing = new Histogram()
    const before = process.cpuUsage()
    const { arrivals, busy: clientsBusy } = await this.#ask(order)
    if (!arrivals) throw new Error('the clients do not know how it went')
    const { user, system } = process.cpuUsage(before)
    const pushing = { p50: this.#pushing.quantile(0.5), p99: this.#pushing.quantile(0.99) }
    return { ...arrivals, cpu: (user + system) / arrivals.deliveries, pushing, clientsBusy }
  }

  async #ask(order: ClientsOrder): Promise<ClientsAnswer> {
    const answered = once(this.#child, 'message')
    this.#child.send(order)
    const [answer] = (await Promise.race([answered, this.#failed.promise])) as [ClientsAnswer]
    return answer
  }

  #pushDue(): void {
    for (; this.#due > 0 && this.#underWay < mostUnderWay; this.#due -= 1) {
      void this.#pushOne(this.#next)
      this.#next += 1
    }
  }

  async #pushOne(n: number): Promise<void> {
    this.#underWay += 1
    const began = performance.now()
    try {
      await this.#push(n)
      this.#pushing.add(performance.now() - began)
    } catch (error) {
      this.#failed.reject(error)
    } finally {
      this.#underWay -= 1
      this.#pushDue()
    }
  }
}
