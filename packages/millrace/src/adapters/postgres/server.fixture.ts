import { Client } from 'pg'
import type { Database } from '../../ports/database.ts'
import { createTestDatabase } from '../../testing/database.ts'
import type { PostgresOptions } from './config.ts'
import { createPostgresDatabase } from './database.ts'

/** An empty database of a test's own, and ways to connect to it; all of them end with the block. */
export class Server implements AsyncDisposable {
  readonly url: string
  readonly #ends: (() => Promise<unknown>)[]

  private constructor(url: string, drop: () => Promise<void>) {
    this.url = url
    this.#ends = [drop]
  }

  static async create(): Promise<Server> {
    const { url, drop } = await createTestDatabase()
    return new Server(url, drop)
  }

  connect(options: Partial<PostgresOptions> = {}): Database {
    const database = createPostgresDatabase({ url: this.url, ...options })
    this.#ends.push(() => database.stop())
    return database
  }

  /** A connection of nobody's, for what the adapter would not do. */
  async client(): Promise<Client> {
    const client = new Client({ connectionString: this.url })
    client.on('error', () => {})
    await client.connect()
    this.#ends.push(() => client.end().catch(() => {}))
    return client
  }

  /** Ends the connections of an application as an administrator or a fail-over would; answers how many there were. */
  async kill(applicationName: string): Promise<number> {
    const client = await this.client()
    const { rowCount } = await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1',
      [applicationName],
    )
    return rowCount ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end()
  }
}

/** What a promise rejects with; undefined when it does not. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
