import { connect, type Socket } from 'node:net'
import { FrameScanner } from './frames.ts'

/** Where the clients connect to. */
export interface ConnectOrder {
  /** Of the channel: `http://host:port/path` */
  readonly url: string
  /** Whether the server says something before the updates. */
  readonly isGreeted: boolean
}

/** Who listens to a connection. */
export interface ConnectionEvents {
  /** It is open, and served. */
  opened(): void
  /** A message has come: its payload lies there in the bytes, which are only lent. */
  came(bytes: Buffer, start: number, end: number): void
  /** The server, or the network, has ended it. */
  lost(error: Error): void
}

const readBytes = 64 * 1024
/** All connections read into the same bytes, one after the other. */
const lent = Buffer.alloc(readBytes)

/** A client's connection, by hand from the socket up: the machine is to be busy with the server. */
export class Connection {
  readonly #order: ConnectOrder
  readonly #events: ConnectionEvents
  readonly #socket: Socket
  readonly #frames = new FrameScanner((bytes, start, end) => this.#take(bytes, start, end))
  #isServed = false
  #isCut = false
  #at: string | undefined

  constructor(order: ConnectOrder, query: Readonly<Record<string, string>>, events: ConnectionEvents) {
    this.#order = order
    this.#events = events
    const { hostname, port, pathname, host } = new URL(order.url)
    const onread = { buffer: lent, callback: (bytes: number) => this.#read(bytes) }
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread })
    this.#socket.write(
      `GET ${pathname}?${new URLSearchParams(query)} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\n` +
        'connection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n',
    )
    this.#socket.on('error', (error) => this.#lost(error))
    this.#socket.on('close', () => this.#lost(new Error('a client was closed')))
  }

  /** The position that the greeting had. */
  get at(): string | undefined {
    return this.#at
  }

  /** Ends it as a network that fails does: without a word. */
  cut(): void {
    this.#isCut = true
    this.#socket.destroy()
  }

  #read(bytes: number): boolean {
    try {
      const isOpen = this.#frames.read(lent.subarray(0, bytes))
      if (isOpen && !this.#order.isGreeted) this.#serve()
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
    return true
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (this.#isServed) this.#events.came(bytes, start, end)
    else if (this.#order.isGreeted) this.#greeted(bytes.toString('utf8', start, end))
    else {
      this.#serve()
      this.#events.came(bytes, start, end)
    }
  }

  #greeted(greeting: string): void {
    this.#at = (JSON.parse(greeting) as { readonly at: string }).at
    this.#serve()
  }

  #serve(): void {
    if (this.#isServed) return
    this.#isServed = true
    this.#events.opened()
  }

  #lost(error: Error): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#events.lost(error)
  }
}
