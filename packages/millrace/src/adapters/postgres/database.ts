import type { Queryable, QueryResult, Statement } from '../../core/unit.ts'
import type {
  ConnectionShare,
  Database,
  DatabaseFault,
  Lease,
  SlicedTable,
  Transaction,
  TransactionOptions,
} from '../../ports/database.ts'
import { type PostgresConfig, type PostgresOptions, postgresConfig } from './config.ts'
import { Connections } from './connections.ts'
import { faultOf, isMissingSlice } from './errors.ts'
import { Notifier } from './notifier.ts'
import { Session } from './session.ts'
import { maintainSlices } from './slices.ts'
import { runStatement } from './statement.ts'
import { runTransaction } from './transaction.ts'

/** PostgreSQL by `pg`, whose `pipeline` mode lets statements share a flight. Connects when first used. */
export function createPostgresDatabase(options: PostgresOptions): Database {
  return new PostgresDatabase(postgresConfig(options))
}

class PostgresDatabase implements Database {
  readonly #config: PostgresConfig
  readonly #connections: Connections
  readonly #session: Session
  readonly #notifier: Notifier
  readonly #sliced = new Map<string, SlicedTable>()
  #mending: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(config: PostgresConfig) {
    this.#config = config
    this.#connections = new Connections(config)
    this.#session = new Session(config, () => this.#connections.cut())
    this.#notifier = new Notifier(this.on('system'))
  }

  query<Row = Record<string, unknown>>(
    statement: string | Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    return this.#single('request', statement, values)
  }

  on(share: ConnectionShare): Queryable {
    return { query: (statement, values) => this.#single(share, statement, values) }
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const loan = await this.#connections.borrow(options.share ?? 'request')
    try {
      return await runTransaction(loan.client, work, options)
    } catch (error) {
      if (isMissingSlice(error)) this.#mendSlices()
      throw error
    } finally {
      loan.giveBack()
    }
  }

  tryLock(name: string): Promise<Lease | undefined> {
    return this.#session.tryLock(name)
  }

  listen(channel: string, onNotify: () => void): Promise<() => Promise<void>> {
    return this.#session.listen(channel, onNotify)
  }

  notify(channel: string): void {
    this.#notifier.notify(channel)
  }

  get usage(): Database['usage'] {
    return this.#connections.usage
  }

  faultOf(error: unknown): DatabaseFault | undefined {
    return faultOf(error)
  }

  maintainSlices(table: SlicedTable): Promise<void> {
    this.#sliced.set(table.table, table)
    const database = {
      query: this.on('system').query,
      transaction: <T>(work: (transaction: Transaction) => Promise<T>) => this.transaction(work, { share: 'system' }),
      session: (work: (connection: Queryable) => Promise<void>) => this.#onOneConnection(work),
    }
    return maintainSlices(database, table, this.#config.logger)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#notifier.stop()
    await Promise.all([this.#session.stop(), this.#connections.end()])
  }

  async #single<Row>(share: ConnectionShare, statement: string | Statement, values?: readonly unknown[]) {
    const loan = await this.#connections.borrow(share)
    try {
      return await runStatement<Row>(loan.client, statement, values)
    } catch (error) {
      if (isMissingSlice(error)) this.#mendSlices()
      throw error
    } finally {
      loan.giveBack()
    }
  }

  /** A row found no slice: timers do not run while a machine sleeps, and it has slept past those made ahead. */
  #mendSlices(): void {
    const maintain = async () => {
      for (const table of this.#sliced.values()) await this.maintainSlices(table)
    }
    this.#mending ??= maintain()
      .catch((error: unknown) => this.#config.logger.warn({ err: error }, 'missing table slices could not be made'))
      .finally(() => {
        this.#mending = undefined
      })
  }

  async #onOneConnection(work: (connection: Queryable) => Promise<void>): Promise<void> {
    const { client, giveBack } = await this.#connections.borrow('system')
    try {
      await work({ query: (statement, values) => runStatement(client, statement, values) })
    } finally {
      await client.query('RESET lock_timeout').catch(() => {})
      giveBack()
    }
  }
}
