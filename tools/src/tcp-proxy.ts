import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

interface Link {
  readonly client: Socket
  readonly server: Socket
  /** Who the client says it is, in its first Kafka request; undefined before, and for other protocols. */
  name: string | undefined
}

/** Stands between clients and a server, both on this machine, to break what is between them. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: () => number
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #silenced = new Set<string>()
  #isCut = false
  #isFrozen = false
  #delayMs = 0

  private constructor(target: () => number) {
    this.#target = target
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client))
  }

  /** Listens on a port, or any that is free, and leads to another one: the same, or for each connection the one it is told. */
  static async listen(target: number | (() => number), port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(typeof target === 'number' ? () => target : target)
    proxy.#server.listen(port, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  /** How many connections lead through it. */
  get connections(): number {
    return this.#links.size
  }

  /** Resets every connection, and refuses new ones until mended. */
  cut(): void {
    this.#isCut = true
    for (const link of this.#links) reset(link)
  }

  /** Resets the connections that are chosen, and takes new ones as before. */
  cutSome(isChosen: () => boolean): void {
    for (const link of this.#links) if (isChosen()) reset(link)
  }

  /** Lets nothing through, and says nothing about it, as a network does that loses every packet. */
  freeze(): void {
    this.#isFrozen = true
    for (const { client, server } of this.#links) for (const socket of [client, server]) socket.pause()
  }

  /** From now on everything takes so long each way, in order. */
  slowDown(ms: number): void {
    this.#delayMs = ms
  }

  /** Ends {@link cut}, {@link freeze} and {@link slowDown}: what was held back goes on. */
  mend(): void {
    this.#isCut = false
    this.#isFrozen = false
    this.#delayMs = 0
    for (const link of this.#links) {
      if (link.name === undefined || !this.#silenced.has(link.name)) {
        for (const socket of [link.client, link.server]) socket.resume()
      }
    }
  }

  /** Nothing more comes from or goes to the Kafka clients of this name: to the server, they are dead. */
  silence(clientId: string): void {
    this.#silenced.add(clientId)
    for (const link of this.#links) {
      if (link.name === clientId) for (const socket of [link.client, link.server]) socket.pause()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) reset(link)
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#isCut) return void client.resetAndDestroy()
    const server = dial({ host: '127.0.0.1', port: this.#target() })
    const link: Link = { client, server, name: undefined }
    this.#links.add(link)
    for (const [from, to] of [[client, server] as const, [server, client] as const]) {
      from.setNoDelay(true)
      const pass = (chunk: Buffer) => {
        if (to.write(chunk)) return
        from.pause()
        // Of pieces that were held up, several may come before it.
        if (to.listenerCount('drain') === 0) to.once('drain', () => this.#isLetThrough(link) && from.resume())
      }
      const inTime = this.#inTime(pass)
      from.on('data', (chunk: Buffer) => {
        if (from === client) this.#identify(link, chunk)
        inTime(chunk)
      })
      from.on('error', () => reset(link))
      from.on('close', () => {
        this.#links.delete(link)
        to.destroy()
      })
    }
    if (!this.#isFrozen) client.resume()
  }

  /** Passes pieces on when they are due, none before the one that came before it. */
  #inTime(pass: (chunk: Buffer) => void): (chunk: Buffer) => void {
    let late = 0
    let latest = Promise.resolve()
    return (chunk) => {
      if (this.#delayMs === 0 && late === 0) return pass(chunk)
      late += 1
      const due = delay(this.#delayMs)
      latest = latest.then(async () => {
        await due
        late -= 1
        pass(chunk)
      })
    }
  }

  #isLetThrough({ name }: Link): boolean {
    return !this.#isFrozen && (name === undefined || !this.#silenced.has(name))
  }

  #identify(link: Link, chunk: Buffer): void {
    link.name ??= clientIdOf(chunk)
    if (link.name !== undefined && this.#silenced.has(link.name)) {
      for (const socket of [link.client, link.server]) socket.pause()
    }
  }
}

function reset({ client, server }: Link): void {
  for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy()
}

/** A Kafka request begins with its length, key, version, correlation id, and the client's id with its length. */
function clientIdOf(request: Buffer): string | undefined {
  if (request.length < 14) return undefined
  const length = request.readInt16BE(12)
  return length > 0 && request.length >= 14 + length ? request.toString('utf8', 14, 14 + length) : undefined
}
