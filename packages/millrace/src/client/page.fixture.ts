import { Client } from './client.ts'
import type { Following, LiveClientOptions, LiveStatus } from './live-client.ts'
import { type Surroundings, surroundings } from './surroundings.ts'

/** The messages of the channels that tests have. */
export interface CountMessages {
  readonly counts: { readonly type: 'counted'; readonly data: { readonly n: number } }
}

/** A page of an app in a browser, as far as a client can tell; its WebSockets are real ones. */
export class Page extends EventTarget implements Disposable {
  readonly location: { readonly origin: string }
  readonly navigator = { onLine: true }
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  readonly WebSocket: Surroundings['WebSocket']
  /** All that were opened. */
  readonly sockets: WebSocket[] = []
  readonly reported: unknown[] = []
  readonly reportError = (error: unknown): void => void this.reported.push(error)
  readonly #clients: Client<CountMessages>[] = []

  constructor({ url }: { readonly url: string }) {
    super()
    this.location = { origin: url }
    const { sockets } = this
    this.WebSocket = class extends WebSocket {
      constructor(url: string) {
        super(url)
        sockets.push(this)
      }
    } as unknown as Surroundings['WebSocket']
  }

  /** A client that does not wait for long. */
  client(token: LiveClientOptions['token']): Client<CountMessages> {
    const here = surroundings(this as unknown as Parameters<typeof surroundings>[0])
    const client = new Client<CountMessages>({ token }, { ...here, random: () => 0.1 })
    this.#clients.push(client)
    return client
  }

  goOffline(): void {
    this.navigator.onLine = false
    this.dispatchEvent(new Event('offline'))
  }

  goOnline(): void {
    this.navigator.onLine = true
    this.dispatchEvent(new Event('online'))
  }

  show(): void {
    this.document.dispatchEvent(new Event('visibilitychange'))
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close()
  }
}

/** What a listener is told. */
export class Counted {
  readonly numbers: number[] = []
  readonly resets: string[] = []
  readonly statuses: LiveStatus[] = []
  readonly errors: Error[] = []
  readonly following: Following

  constructor(client: Client<CountMessages>, at?: string) {
    this.following = client.follow('counts', {
      at,
      message: ({ data }) => this.numbers.push(data.n),
      reset: (reason) => this.resets.push(reason),
      status: (status) => this.statuses.push(status),
      error: (error) => this.errors.push(error),
    })
  }

  get status(): LiveStatus | undefined {
    return this.statuses.at(-1)
  }
}
