import { Connection, type ConnectionListener } from './connection.ts'
import type {
  Following,
  LiveClient,
  LiveClientOptions,
  LiveListener,
  LiveSource,
  LiveStore,
  MessagesByChannel,
} from './live-client.ts'
import { Store } from './store.ts'
import type { Surroundings } from './surroundings.ts'

/** The connections of one user, and what happens to the page they are in. */
export class Client<Messages extends MessagesByChannel<Messages>> implements LiveClient<Messages> {
  readonly #token: LiveClientOptions['token']
  readonly #base: URL
  readonly #surroundings: Surroundings
  /** Those that work. */
  readonly #connections = new Set<Connection>()
  /** How often the user may have been another; and how often that was when a connection came to rest. */
  #renewals = 0
  readonly #restedAt = new WeakMap<Connection, number>()
  #endWatch: (() => void) | undefined
  #isClosed = false

  /** @throws where no URL is given outside of a page, or one that is none */
  constructor({ url, token, report }: LiveClientOptions, surroundings: Surroundings) {
    this.#token = token
    this.#base = baseOf(url ?? surroundings.origin)
    this.#surroundings = report ? { ...surroundings, report } : surroundings
  }

  follow<Name extends keyof Messages & string>(channel: Name, listener: LiveListener<Messages[Name]>): Following {
    const connection = this.#connect(channel, {
      at: listener.at,
      listener: {
        message: (message) => listener.message(message as Messages[Name]),
        reset: (reason) => listener.reset?.(reason),
        forget: () => {},
        status: (status) => listener.status?.(status),
        problem: (error) => listener.error?.(error),
      },
    })
    // The caller has it before it is told anything.
    queueMicrotask(() => this.#start(connection))
    return {
      get status() {
        return connection.status
      },
      get at() {
        return connection.at
      },
      close: () => connection.tell('close'),
    }
  }

  store<Name extends keyof Messages & string, Data>(
    channel: Name,
    source: LiveSource<Messages[Name], Data>,
  ): LiveStore<Data> {
    const { report } = this.#surroundings
    return new Store(source, {
      connect: (listener) => this.#connect(channel, { listener }),
      start: (connection) => this.#start(connection),
      report,
    })
  }

  renew(): void {
    this.#renewals += 1
    for (const connection of [...this.#connections]) connection.tell('renew')
  }

  close(): void {
    this.#isClosed = true
    for (const connection of [...this.#connections]) connection.tell('close')
  }

  #connect(channel: string, { at, listener }: { at?: string | undefined; listener: ConnectionListener }): Connection {
    return new Connection({
      surroundings: this.#surroundings,
      token: this.#token,
      urlOf: (token, resume) => this.#urlOf(channel, { token, ...(resume !== undefined && { resume }) }),
      at,
      listener,
      active: (connection, isActive) => this.#keep(connection, isActive),
    })
  }

  #start(connection: Connection): void {
    if (this.#isClosed) connection.tell('close')
    else connection.start(this.#restedAt.get(connection) !== this.#renewals)
  }

  #urlOf(channel: string, query: Record<string, string>): string {
    const url = new URL(`ws/${encodeURIComponent(channel)}`, this.#base)
    url.protocol = url.protocol.replace('http', 'ws')
    url.search = String(new URLSearchParams(query))
    return url.href
  }

  /** The page is watched while a connection works. */
  #keep(connection: Connection, isActive: boolean): void {
    this.#restedAt.set(connection, this.#renewals)
    if (isActive) this.#connections.add(connection)
    else this.#connections.delete(connection)
    if (this.#connections.size === 0) {
      this.#endWatch?.()
      this.#endWatch = undefined
    } else {
      this.#endWatch ??= this.#surroundings.watch((change) => {
        for (const each of [...this.#connections]) each.tell(change)
      })
    }
  }
}

function baseOf(url: string | URL | undefined): URL {
  const base = URL.parse(url ?? '')
  if (!base || !/^(https?|wss?):$/.test(base.protocol)) {
    throw new TypeError(`createLiveClient: url has to be the app's, such as https://app.example, and is ${String(url)}`)
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}
