import type { Authenticate, Identity } from '../core/identity.ts'
import { pingFrame, textFrame, withToken } from './frames.ts'
import type { History, Update } from './history.ts'
import type { LiveMetrics } from './metrics.ts'
import { Outlet, type Patience } from './outlet.ts'
import { type CloseReason, closeCodes, type LiveSocket } from './socket.ts'
import { parseToken, type Token, tokenText } from './token.ts'
import type { Visibility } from './visibility.ts'

/** Why a client may be told to load everything anew. */
export const resetReasons = ['expired', 'unknown'] as const

/** Why a client is told to load everything anew. */
export type ResetReason = (typeof resetReasons)[number]

/** Who wants what. */
export interface LiveRequest {
  readonly channel: string
  /** The channel's updates for the user. */
  readonly stream: string
  readonly user: Identity
  /** Where the client left off. */
  readonly resume: string | undefined
}

/** What clients are served from. */
export interface LiveService {
  /** The history now; another one where that was lost. */
  readonly history: History
  readonly epoch: string
  readonly patience: Patience
  readonly metrics: LiveMetrics
  readonly authenticate: Authenticate
  /** Whether the history comes to an offset, within a moment: another process may be ahead, or the database restored. */
  reached(offset: number): Promise<boolean>
  /** Has the client told (see {@link LiveClient.settled}) when all that a snapshot sees has come into the history. */
  settle(client: LiveClient, seen: Visibility): void
  /** Whether a user's tokens from before a time, by `performance.now()`, are worth nothing any more. */
  isRevoked(userId: string, since: number): boolean
  /** Has the client given all updates of its stream from now on. */
  join(client: LiveClient): void
  leave(client: LiveClient): void
}

const pong = textFrame('pong')
const authenticated = textFrame(JSON.stringify({ type: 'authenticated' }))
/** So much of what a client missed is written at a time. */
const joinedBytes = 64 * 1024
/** A client that says more than this is not one of ours. */
const mostMessages = { count: 100, ms: 10_000 }
const longestTimerMs = 2_147_483_647

/** One open connection to a channel. */
export class LiveClient {
  readonly channel: string
  readonly stream: string
  readonly userId: string
  readonly #service: LiveService
  readonly #socket: LiveSocket
  readonly #outlet: Outlet
  readonly #resume: string | undefined
  /** What it has been given besides: updates that this sees are left out. */
  #seen: Visibility | undefined
  #expiry: NodeJS.Timeout | undefined
  #joined = false
  #ended = false
  #refreshing = false
  #heardAt = performance.now()
  #messages = { count: 0, since: performance.now() }

  constructor(service: LiveService, socket: LiveSocket, { channel, stream, user, resume }: LiveRequest) {
    this.channel = channel
    this.stream = stream
    this.userId = user.id
    this.#service = service
    this.#socket = socket
    this.#outlet = new Outlet(socket, service.patience)
    this.#resume = resume
    this.#expireAt(user.expiresAt)
  }

  /** When the client was heard of last, by `performance.now()`. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Says where it is, gives it what it missed, and lets it join. */
  async begin(): Promise<void> {
    if (this.#resume === undefined) {
      this.#greet(this.#here())
      this.#join()
      return
    }
    const token = parseToken(this.#resume)
    const isKnown = token?.epoch === this.#service.epoch && (await this.#service.reached(token.offset))
    if (this.#ended) return
    // From here on in one turn: what is found may be gone in the next.
    const found = token && isKnown ? this.#service.history.find(token) : 'unknown'
    this.#service.metrics.recovered(found === 'here' ? 'resumed' : 'reset')
    if (found === 'here' && token) await this.#recover(token)
    else this.#reset(found === 'expired' ? 'expired' : 'unknown')
  }

  /** Writes updates of its stream; `frames` are theirs, joined. */
  deliver(updates: readonly Update[], frames: Uint8Array): void {
    if (!this.#seen) this.#write(frames)
    else this.#writeOwn(updates)
  }

  /** All that it had been given beside the stream has come by: nothing is left out any more. */
  settled(): void {
    this.#seen = undefined
  }

  /** A text that the client sent. */
  receive(text: string): void {
    this.alive()
    if (this.#ended) return
    if (this.#isTalkative()) this.close('protocol', 'too many messages')
    else if (text === 'ping') this.#write(pong)
    else this.#answer(parsed(text))
  }

  /** The client has shown that it lives. */
  alive(): void {
    this.#heardAt = performance.now()
  }

  /** Closes it where it is too far behind. */
  look(): void {
    if (this.#outlet.isBehind()) this.close('slow', 'too slow: resume')
  }

  /** Asks whether it lives. */
  ping(): void {
    this.#write(pingFrame)
  }

  /** Ends the connection, and says why. */
  close(reason: CloseReason, text: string): void {
    if (this.#ended) return
    this.#service.metrics.closed(reason)
    this.ended()
    if (reason === 'dead') this.#socket.terminate()
    else this.#socket.close(closeCodes[reason], text)
  }

  /** The connection has ended. */
  ended(): void {
    this.#ended = true
    clearTimeout(this.#expiry)
    this.#service.leave(this)
  }

  async #recover(token: Token): Promise<void> {
    this.#seen = token.seen
    this.#greet(tokenText(token))
    const { history } = this.#service
    let next = history.firstAfter(this.stream, token.offset)
    while (next) {
      const last = this.#writeMissed(next)
      if (!(await this.#outlet.hasRoom()) || !history.keeps(last)) this.close('slow', 'too slow: resume')
      if (this.#ended) return
      next = last.next ?? history.firstAfter(this.stream, last.offset)
    }
    this.#join()
  }

  #reset(reason: ResetReason): void {
    this.#service.metrics.reset(reason)
    const at = this.#here()
    this.#greet(at)
    this.#write(textFrame(JSON.stringify({ type: 'reset', reason, at })))
    this.#join()
  }

  #greet(at: string): void {
    this.#write(textFrame(JSON.stringify({ type: 'connected', at })))
  }

  /** In one turn with the look at the history that found nothing more. */
  #join(): void {
    if (this.#ended) return
    this.#joined = true
    this.#service.join(this)
    if (this.#seen) this.#service.settle(this, this.#seen)
  }

  /** Writes some of what was missed, from an update on; answers the last one that was seen to. */
  #writeMissed(first: Update): Update {
    const frames: Uint8Array[] = []
    let bytes = 0
    let last = first
    for (let update: Update | undefined = first; update && bytes < joinedBytes; update = update.next) {
      const frame = this.#frameOf(update)
      if (frame) frames.push(frame)
      bytes += frame?.length ?? 0
      last = update
    }
    if (frames.length > 0) this.#write(Buffer.concat(frames))
    this.#service.metrics.sent(this.channel, frames.length, bytes)
    return last
  }

  /** Undefined where the client has been given it otherwise. */
  #frameOf(update: Update): Uint8Array | undefined {
    if (!this.#seen) return update.frame
    if (this.#seen.sees(update.xid)) return undefined
    const { epoch } = this.#service
    const { offset, mark } = update
    const token = { epoch, offset, mark }
    return withToken(update.frame, tokenText(token), tokenText({ ...token, seen: this.#seen }))
  }

  #writeOwn(updates: readonly Update[]): void {
    const frames = updates.flatMap((update) => this.#frameOf(update) ?? [])
    if (frames.length > 0) this.#write(Buffer.concat(frames))
  }

  #write(frames: Uint8Array): void {
    if (this.#ended) return
    if (this.#outlet.isBehind()) this.close('slow', 'too slow: resume')
    else this.#outlet.write(frames)
  }

  /** The place of everything that it has been written. */
  #here(): string {
    const { epoch, history } = this.#service
    const { offset, mark } = history.last
    return tokenText({ epoch, offset, mark, ...(this.#seen && { seen: this.#seen }) })
  }

  #answer(message: unknown): void {
    const { type, token } = (message ?? {}) as { readonly type?: unknown; readonly token?: unknown }
    if (type === 'ping')
      this.#write(textFrame(JSON.stringify({ type: 'pong', ...(this.#joined && { at: this.#here() }) })))
    else if (type === 'auth' && typeof token === 'string' && !this.#refreshing) void this.#refresh(token)
    else this.close('protocol', 'not a message of the protocol')
  }

  /** Goes on with another token of the same user. */
  async #refresh(token: string): Promise<void> {
    const since = performance.now()
    this.#refreshing = true
    try {
      const user = await this.#service.authenticate(token)
      const isHis = user?.id === this.userId && !this.#service.isRevoked(this.userId, since)
      if (!isHis) return this.close('unauthorized', 'not authorised')
      this.#expireAt(user.expiresAt)
      this.#write(authenticated)
    } catch {
      this.close('unavailable', 'the token could not be checked: try again later')
    } finally {
      this.#refreshing = false
    }
  }

  #expireAt(time: Date | undefined): void {
    clearTimeout(this.#expiry)
    if (time === undefined || this.#ended) return
    const leftMs = time.getTime() - Date.now()
    const expire = () => (leftMs > longestTimerMs ? this.#expireAt(time) : this.close('expired', 'token expired'))
    this.#expiry = setTimeout(expire, Math.min(Math.max(0, leftMs), longestTimerMs))
    this.#expiry.unref()
  }

  #isTalkative(): boolean {
    const now = performance.now()
    if (now - this.#messages.since > mostMessages.ms) this.#messages = { count: 0, since: now }
    this.#messages.count += 1
    return this.#messages.count > mostMessages.count
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
