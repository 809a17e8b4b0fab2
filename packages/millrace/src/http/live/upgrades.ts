import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { fail, isMillraceError } from '../../core/errors.ts'
import type { Authenticate, Identity } from '../../core/identity.ts'
import { within } from '../../core/wait.ts'
import { bearerOf } from '../auth/bearer.ts'
import { answerOnSocket } from '../errors.ts'
import { isAllowedOrigin } from './origin.ts'
import { FrameSocket } from './socket.ts'
import type { LiveSource } from './source.ts'

/** Of a message from a client: a token is the longest thing it says. */
const mostMessageBytes = 16_384
/** How long a client may take to answer a goodbye, and the app to say who bears a token. */
const closeMs = 5_000
const authenticateMs = 10_000

/** What live connections are opened with. */
export interface UpgradeOptions {
  readonly live: LiveSource
  readonly authenticate: Authenticate | undefined
  readonly origins: readonly string[]
  readonly isStopping: () => boolean
  readonly logger: Logger
}

/** A connection that is asked for. */
interface Asked {
  readonly channel: string
  readonly token: string
  readonly resume: string | undefined
}

/** Whether a request wants to become a live connection. */
export function isUpgrade({ headers, url = '' }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url.startsWith('/ws/')
}

/** Opens live connections: looks who asks, shakes hands, and hands them on. */
export class Upgrades {
  readonly #options: UpgradeOptions
  readonly #server: WebSocketServer
  readonly #open = new Set<WebSocket>()
  /** Being opened. */
  #opening = 0

  constructor(options: UpgradeOptions) {
    this.#options = options
    // closeTimeout is not in the types yet.
    const serverOptions: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: mostMessageBytes,
      closeTimeout: closeMs,
    }
    this.#server = new WebSocketServer(serverOptions)
  }

  /** Takes the upgrades of a server. */
  serve(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
      const onError = () => connection.destroy()
      connection.on('error', onError)
      this.#opening += 1
      this.#upgrade(request, connection, head)
        .catch((error: unknown) => this.#refuse(error, connection))
        .finally(() => {
          this.#opening -= 1
        })
    })
  }

  /** Cuts what has not ended by itself. */
  cut(): void {
    for (const socket of this.#open) socket.terminate()
  }

  async #upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    const { live } = this.#options
    const asked = this.#asked(request)
    const since = performance.now()
    const user = await this.#userOf(asked.token)
    // The handshake, the greeting and what was missed go out in one write.
    connection.cork()
    process.nextTick(() => connection.uncork())
    this.#server.handleUpgrade(request, connection, head, (socket) => {
      const frames = new FrameSocket(socket, connection)
      if (user) this.#serve(socket, frames, { ...asked, user, since })
      // A browser does not tell its page the status of a handshake, but it does tell the code.
      else live.refuse(frames, 'unauthorized', 'not authorised')
      this.#keep(socket)
    })
  }

  #keep(socket: WebSocket): void {
    this.#open.add(socket)
    socket.on('close', () => this.#open.delete(socket))
    // The library closes the connection itself, with the code that fits.
    socket.on('error', () => {})
  }

  #serve(socket: WebSocket, frames: FrameSocket, arrival: Asked & { user: Identity; since: number }): void {
    const client = this.#options.live.connect(frames, arrival)
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) client.close('protocol', 'text alone')
      else client.receive(String(data))
    })
    for (const event of ['ping', 'pong'] as const) socket.on(event, () => client.alive())
    socket.on('close', () => client.ended())
  }

  /** @throws ROUTE_NOT_FOUND, SHUTTING_DOWN, LIVE_ORIGIN_REFUSED, LIVE_FULL, LIVE_UNAVAILABLE */
  #asked(request: IncomingMessage): Asked {
    const { live, origins, isStopping } = this.#options
    const url = URL.parse(request.url ?? '', 'http://localhost')
    const channel = /^\/ws\/([a-z0-9-]+)\/?$/.exec(url?.pathname ?? '')?.[1]
    if (!url || channel === undefined || !live.hasChannel(channel)) {
      throw fail('ROUTE_NOT_FOUND', { method: 'WebSocket', path: url?.pathname.slice(0, 200) ?? '' })
    }
    if (isStopping()) throw fail('SHUTTING_DOWN', {})
    if (!isAllowedOrigin(request, origins)) {
      throw fail('LIVE_ORIGIN_REFUSED', { origin: String(request.headers.origin).slice(0, 200) })
    }
    if (!live.isReady) throw fail('LIVE_UNAVAILABLE', {})
    if (live.isFull(this.#opening)) throw fail('LIVE_FULL', {})
    const { searchParams: given } = url
    return { channel, token: given.get('token') || (bearerOf(request) ?? ''), resume: given.get('resume') ?? undefined }
  }

  /** @throws LIVE_UNAUTHORIZED where nobody can be told, LIVE_UNAVAILABLE where it takes too long */
  async #userOf(token: string): Promise<Identity | undefined> {
    const { authenticate } = this.#options
    if (!authenticate) throw fail('LIVE_UNAUTHORIZED', {})
    if (token === '') return undefined
    let user: Identity | undefined
    const inTime = await within(authenticateMs, async () => {
      user = await authenticate(token)
    })
    if (!inTime) throw fail('LIVE_UNAVAILABLE', {})
    return user
  }

  #refuse(error: unknown, connection: Duplex): void {
    if (!isMillraceError(error)) this.#options.logger.warn({ err: error }, 'a live connection could not be opened')
    if (connection.destroyed || !connection.writable) connection.destroy()
    else answerOnSocket(isMillraceError(error) ? error : fail('INTERNAL', {}, { cause: error }), connection)
  }
}
