import type { AnyChannel } from '../core/channel.ts'
import { fail } from '../core/errors.ts'
import type { Authenticate, Identity } from '../core/identity.ts'
import type { Part } from '../core/lifecycle.ts'
import type { LiveSnapshot } from '../core/live.ts'
import type { Logger } from '../core/logger.ts'
import type { Queryable } from '../core/unit.ts'
import type { Broker } from '../ports/broker.ts'
import type { Bus } from '../ports/bus.ts'
import type { Database, Transaction } from '../ports/database.ts'
import { Audiences } from './audiences.ts'
import { LiveClient, type LiveService } from './client.ts'
import { Clients } from './clients.ts'
import { type History, type HistoryBounds, streamOf } from './history.ts'
import type { LiveMetrics } from './metrics.ts'
import type { Patience } from './outlet.ts'
import { type Relayed, Settling } from './settling.ts'
import { type CloseReason, closeCodes, type LiveSocket } from './socket.ts'
import { Tail } from './tail.ts'
import { tokenText } from './token.ts'
import { Visibility } from './visibility.ts'

/** Bounds of live connections. */
export interface LiveLimits {
  /** Connections of one process. @default 20,000 */
  readonly connections: number
  /** Connections of one user with one process. @default 20 */
  readonly connectionsPerUser: number
  readonly history: HistoryBounds
  readonly patience: Patience
}

/** The limits where none are given. */
export const defaultLimits: LiveLimits = {
  connections: 20_000,
  connectionsPerUser: 20,
  history: { ageMs: 10 * 60_000, bytes: 64 * 1024 * 1024 },
  patience: { bytes: 1024 * 1024, ms: 10_000 },
}

/** What a process serves live clients with. */
export interface LiveOptions {
  /** The postgres broker. */
  readonly broker: Broker
  /** What brings its records here. */
  readonly bus: Bus
  readonly database: Database
  readonly channels: ReadonlyMap<string, AnyChannel>
  readonly authenticate: Authenticate
  /** Asks how far the relay is. */
  readonly relayed: () => Promise<Relayed>
  readonly limits: LiveLimits
  readonly metrics: LiveMetrics
  readonly logger: Logger
}

/** A connection that has been authenticated. */
export interface Arrival {
  readonly channel: string
  readonly user: Identity
  /** When it was begun to tell who the user is, by `performance.now()`. */
  readonly since: number
  readonly resume: string | undefined
}

/** What the process knows of its connections. */
export interface LiveStats {
  readonly connections: number
  /** Distinct ones. */
  readonly users: number
  readonly channels: Readonly<Record<string, number>>
  /** Records known of and not read yet. */
  readonly lag: number
  readonly historyBytes: number
}

const currentSnapshot = 'SELECT pg_current_snapshot()::text AS seen'
/** A client's token may be of another process, which is ahead by so much at most. */
const aheadMs = 2_000

/** Live updates as one process serves them: the tail of their topic, its history, and the connections. */
export class LiveUpdates implements Part, LiveService {
  readonly name = 'live updates'
  readonly #options: LiveOptions
  readonly #clients = new Clients()
  readonly #audiences: Audiences
  readonly #settling: Settling
  readonly #tail: Tail
  #isLeaving = false

  constructor(options: LiveOptions) {
    const { broker, bus, database, logger, limits, metrics, relayed } = options
    this.#options = options
    this.#audiences = new Audiences(metrics)
    this.#tail = new Tail({
      ...{ broker, bus, database, logger, metrics },
      bounds: limits.history,
      arrived: (updates) => this.#audiences.deliver(updates),
      revoked: (userId) => this.#clients.revoke(userId),
      lost: () => this.#clients.closeAll('history lost: resume'),
    })
    this.#settling = new Settling({ look: relayed, reached: (offset) => this.reached(offset), logger })
  }

  get history(): History {
    return this.#tail.history
  }

  get epoch(): string {
    return this.#tail.epoch
  }

  get patience(): Patience {
    return this.#options.limits.patience
  }

  get metrics(): LiveMetrics {
    return this.#options.metrics
  }

  /** Whether the history is there to serve from. */
  get isReady(): boolean {
    return this.#tail.isReady
  }

  /** Whether no more connections are taken, where there are so many besides. */
  isFull(besides = 0): boolean {
    return this.#clients.size + besides > this.#options.limits.connections
  }

  get stats(): LiveStats {
    const { size: connections, users, byChannel: channels } = this.#clients
    return { connections, users, channels, lag: this.#tail.lag, historyBytes: this.history.bytes }
  }

  /**
   * Reads data, and answers with it where its client goes on from: it misses nothing, and is given nothing that the data
   * has. All before this process's place had been committed before the snapshot was taken; of what comes behind it, the
   * client is given what the snapshot does not see.
   *
   * @throws LIVE_UNAVAILABLE
   */
  async snapshot<T>(read: (connection: Queryable) => Promise<T>): Promise<LiveSnapshot<T>> {
    if (!this.#tail.isReady) throw fail('LIVE_UNAVAILABLE', {})
    const { epoch } = this
    const { offset, mark } = this.history.last
    const work = async (transaction: Transaction) => {
      transaction.send({ text: 'SET TRANSACTION READ ONLY' })
      const [{ rows }, data] = await Promise.all([
        transaction.query<{ seen: string }>(currentSnapshot),
        read(transaction),
      ])
      const seen = Visibility.ofSnapshot(rows[0]?.seen ?? '')
      return { data, at: tokenText({ epoch, offset, mark, seen }) }
    }
    return this.#options.database.transaction(work, { isolation: 'repeatable read' })
  }

  hasChannel(name: string): boolean {
    return this.#options.channels.has(name)
  }

  authenticate(token: string): Promise<Identity | undefined> {
    return this.#options.authenticate(token)
  }

  async start(): Promise<void> {
    await this.#tail.start()
  }

  async stop(): Promise<void> {
    await this.#settling.stop()
    await this.#tail.stop()
  }

  /** Serves a connection; who made the socket tells the client what comes, and when it ends. */
  connect(socket: LiveSocket, { channel, user, since, resume }: Arrival): LiveClient {
    const audience = this.#audienceOf(channel, user)
    const client = new LiveClient(this, socket, { channel, stream: streamOf(channel, audience ?? ''), user, resume })
    if (audience === undefined) client.close('unavailable', 'try again later')
    else if (this.#isLeaving) client.close('restarting', 'going away: resume')
    else if (!this.#tail.isReady) client.close('unavailable', 'try again later')
    else if (this.isRevoked(user.id, since)) client.close('revoked', 'revoked')
    else if (this.isFull(1) || this.#clients.countOf(user.id) >= this.#options.limits.connectionsPerUser) {
      client.close('crowded', 'too many connections')
    } else {
      this.#clients.add(client)
      client.begin().catch((error: unknown) => {
        this.#options.logger.error({ err: error }, 'a live client could not be served')
        client.close('unavailable', 'try again later')
      })
    }
    return client
  }

  /** Undefined where the app's function fails. */
  #audienceOf(channel: string, user: Identity): string | undefined {
    try {
      return this.#options.channels.get(channel)?.audience(user)
    } catch (error) {
      this.#options.logger.error({ err: error, channel }, 'the audience of a channel could not be told')
      return undefined
    }
  }

  /** Closes a connection that is not served. */
  refuse(socket: LiveSocket, reason: CloseReason, text: string): void {
    this.metrics.closed(reason)
    socket.close(closeCodes[reason], text)
  }

  /** Takes no more connections, and sends those there are to other processes. */
  async leaveAll(): Promise<void> {
    this.#isLeaving = true
    await this.#clients.farewell()
  }

  reached(offset: number): Promise<boolean> {
    return this.#tail.reached(offset, aheadMs)
  }

  isRevoked(userId: string, since: number): boolean {
    return this.#clients.isRevoked(userId, since)
  }

  settle(client: LiveClient, seen: Visibility): void {
    this.#settling.add(client, seen)
  }

  join(client: LiveClient): void {
    this.#audiences.join(client)
  }

  leave(client: LiveClient): void {
    this.#clients.delete(client)
    this.#audiences.leave(client)
    this.#settling.delete(client)
  }
}
