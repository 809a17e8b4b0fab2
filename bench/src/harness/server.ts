import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from 'millrace/embedded-postgres'
import pg from 'pg'

/** A PostgreSQL server of the bench's own. */
export interface BenchServer {
  /** Of its maintenance database. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts the server that `npm start` has, with its durable settings, on empty data that is removed afterwards. */
export async function startServer(): Promise<BenchServer> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  return startEmbeddedPostgres({ directory, temporary: true, database: 'postgres' })
}

/** Makes an empty database, or a copy of another one, in place of the one of that name; answers its address. */
export async function createDatabase(serverUrl: string, name: string, template = 'template0'): Promise<string> {
  await maintain(serverUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`)
    // Copying the files includes a checkpoint, so that every round begins right after one.
    const copy = `TEMPLATE ${pg.escapeIdentifier(template)} STRATEGY FILE_COPY`
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} ${copy}`)
  })
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Removes a database, whoever is connected to it. */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await maintain(serverUrl, (client) =>
    client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`),
  )
}

async function maintain(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
