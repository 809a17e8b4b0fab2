import pg from 'pg'
import { fail, isMillraceError, messageOf } from '../../core/errors.ts'
import type { ConnectionShare, ShareUsage } from '../../ports/database.ts'
import type { PostgresConfig } from './config.ts'
import { markDriverError, sqlStateOf } from './errors.ts'
import { Semaphore } from './semaphore.ts'

/** The framework's own: direct publishes, log reads, heartbeats, the relay. */
const systemConnections = 3

/** How long a backend that writes to a stopped process waits before it gives the connection, and its locks, up. */
const tcpUserTimeoutMs = 10_000

/** Callers that may wait for a connection of a pool; more are refused at once. */
const mostWaiting = 1_000

/** How long connections on loan may keep the end waiting. */
const endWithinMs = 5_000

/**
 * Connections that the server has said it is ending. Their next statement would fail: the statement that got the news
 * may be answered, and the connection given back, before the socket is seen to close.
 */
const doomed = new WeakSet<object>()

/** A connection on loan; it must be given back. */
export interface Loan {
  readonly client: pg.PoolClient
  giveBack(): void
}

/** The process's connections, in shares; see {@link ConnectionShare}. */
export class Connections {
  readonly #user: pg.Pool
  readonly #system: pg.Pool
  readonly #workers: Semaphore
  readonly #config: PostgresConfig
  readonly #clients = new Set<pg.PoolClient>()
  readonly #usage = { request: unused(), worker: unused(), system: unused() }

  constructor(config: PostgresConfig) {
    this.#config = config
    this.#user = createPool(config, config.poolSize, this.#clients)
    this.#system = createPool(config, systemConnections, this.#clients)
    this.#workers = new Semaphore(config.workerConnections)
  }

  get usage(): Readonly<Record<ConnectionShare, ShareUsage>> {
    return this.#usage
  }

  /** @throws DATABASE_UNAVAILABLE, DATABASE_POOL_EXHAUSTED */
  async borrow(share: ConnectionShare): Promise<Loan> {
    const usage = this.#usage[share]
    usage.waiting += 1
    try {
      const { client, giveBack } = await this.#take(share)
      usage.onLoan += 1
      const end = () => {
        usage.onLoan -= 1
        giveBack()
      }
      return { client, giveBack: end }
    } finally {
      usage.waiting -= 1
    }
  }

  async #take(share: ConnectionShare): Promise<Loan> {
    const release = share === 'worker' ? await this.#workers.acquire() : () => {}
    try {
      const pool = share === 'system' ? this.#system : this.#user
      if (pool.waitingCount >= mostWaiting) throw fail('DATABASE_POOL_EXHAUSTED', { wait: 0 })
      const client = await pool.connect()
      return { client, giveBack: () => this.#giveBack(client, release) }
    } catch (error) {
      release()
      throw this.#unavailable(error)
    }
  }

  /** Cuts every connection: statements under way fail, as they would hang on a network that swallows everything. */
  cut(): void {
    for (const client of this.#clients) destroyClient(client)
  }

  /** Waits for connections on loan to be given back, within a bound. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.cut(), endWithinMs)
    await Promise.all([this.#user.end(), this.#system.end()])
    clearTimeout(late)
  }

  #giveBack(client: pg.PoolClient, release: () => void): void {
    // 'I' is idle: anything else means an open transaction or a lost connection, which nobody else may get.
    client.release(doomed.has(client) || client.getTransactionStatus() !== 'I')
    release()
  }

  #unavailable(error: unknown): Error {
    if (isMillraceError(error)) return error
    const message = messageOf(error)
    if (message.includes('timeout exceeded when trying to connect')) {
      return fail('DATABASE_POOL_EXHAUSTED', { wait: this.#config.acquireTimeoutMs }, { cause: error })
    }
    return fail('DATABASE_UNAVAILABLE', { problem: message }, { cause: markDriverError(error) })
  }
}

/** One connection of its own, outside the pools, past a transaction pooler. */
export async function connectDirectly(config: PostgresConfig): Promise<pg.Client> {
  const client = new pg.Client(connectionOptions(config, config.directUrl))
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sessionSettings(config))
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw fail('DATABASE_UNAVAILABLE', { problem: messageOf(error) }, { cause: markDriverError(error) })
  }
}

/** Ends a connection's socket at once: the server may be beyond answering a polite end. */
export function destroyClient(client: pg.Client | pg.PoolClient): void {
  client.connection.stream.destroy()
}

function unused(): { -readonly [Field in keyof ShareUsage]: ShareUsage[Field] } {
  return { onLoan: 0, waiting: 0 }
}

function createPool(config: PostgresConfig, size: number, clients: Set<pg.PoolClient>): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(config, config.url),
    max: size,
    connectionTimeoutMillis: config.acquireTimeoutMs,
    idleTimeoutMillis: 60_000,
  })
  pool.on('connect', (client) => {
    clients.add(client)
    // A lost connection fails the statements on it; its 'error' event says the same again and must not end the process.
    client.on('error', () => {})
    client.connection.on('errorMessage', ({ severity }: { severity?: string }) => {
      if (severity === 'FATAL') doomed.add(client)
    })
    client.query(sessionSettings(config)).catch(() => {})
  })
  pool.on('remove', (client) => clients.delete(client))
  pool.on('error', (error) => {
    if (sqlStateOf(error) !== '57P01') config.logger.warn({ err: error }, 'an idle database connection was lost')
  })
  return pool
}

function connectionOptions(config: PostgresConfig, url: string) {
  return {
    connectionString: url,
    pipeline: true,
    types: { getTypeParser },
    keepAlive: true,
    application_name: config.applicationName,
    connectionTimeoutMillis: config.acquireTimeoutMs,
  }
}

/** `date` and `timestamp`, which say no time zone: the driver would take them for the machine's local time. */
const zoneless = new Set<number>([pg.types.builtins.DATE, pg.types.builtins.TIMESTAMP])

/** The driver's parsers, but for times without a zone, which stay text. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return zoneless.has(oid) ? String : pg.types.getTypeParser(oid, format)
}

/** Statements, not start-up options: transaction poolers refuse those. */
function sessionSettings(config: PostgresConfig): string {
  return `SET idle_in_transaction_session_timeout = ${config.idleInTransactionTimeoutMs}; SET tcp_user_timeout = ${tcpUserTimeoutMs}`
}
