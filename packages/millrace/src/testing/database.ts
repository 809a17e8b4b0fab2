import { createHash, randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, escapeIdentifier } from 'pg'
import { startEmbeddedPostgres } from '../adapters/embedded-postgres/index.ts'

/** A database that is prepared once and then cloned. */
export interface DatabaseTemplate {
  /** Says what `prepare` makes: include a hash of the migrations, so that changed ones make another template. */
  readonly name: string
  /** Fills the empty database at the address, and closes its connections to it. */
  prepare(url: string): Promise<void>
}

/** A database of one test's own. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  /** Ends the connections to it and removes it. May be called twice. */
  drop(): Promise<void>
}

/** A server for tests. */
export interface TestPostgres {
  /** Of its maintenance database; what `TEST_DATABASE_URL` is to be. */
  readonly url: string
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts a PostgreSQL server in a new temporary folder. It ends with this process, however that ends. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const directory = await mkdtemp(join(await temporaryRoot(), 'millrace-test-'))
  // As root the server runs as another user, who has to pass here.
  await chmod(directory, 0o711)
  const settings = { max_wal_size: '256MB' }
  return startEmbeddedPostgres({ directory, durable: false, temporary: true, database: 'postgres', settings })
}

const tmpfs = 0x01021994
const enoughRoom = 2 * 1024 ** 3

/**
 * Where folders for test data are made: in memory, where Linux has room there, else with the temporary files.
 * Cloning a database makes 300 files; ext4 takes 90 to 200 ms for that when many were removed just before, as tests
 * do, and memory 15 ms.
 */
export async function temporaryRoot(): Promise<string> {
  const memory = '/dev/shm'
  const found = await statfs(memory).catch(() => undefined)
  if (found?.type !== tmpfs || found.bavail * found.bsize < enoughRoom) return tmpdir()
  const isWritable = await access(memory, constants.W_OK).then(
    () => true,
    () => false,
  )
  return isWritable ? memory : tmpdir()
}

/**
 * Makes a database for one test on the server at `TEST_DATABASE_URL`, empty or as a clone of a template. A clone
 * takes about 15 ms. The first to ask for a template prepares it, in whatever process; the others wait for that.
 */
export async function createTestDatabase(
  options: { readonly template?: DatabaseTemplate } = {},
): Promise<TestDatabase> {
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`
  await maintain(async (client) => {
    const source = options.template ? await ensureTemplate(client, options.template) : 'template1'
    const clone = `TEMPLATE ${escapeIdentifier(source)} STRATEGY FILE_COPY`
    await client.query(`CREATE DATABASE ${escapeIdentifier(name)} ${clone}`)
  })
  const drop = async () => {
    await maintain((client) => client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`))
  }
  return { name, url: addressOf(name), drop, [Symbol.asyncDispose]: drop }
}

/** Prepares the template where that has not been done, under a lock, and answers the name of its database. */
async function ensureTemplate(client: Client, template: DatabaseTemplate): Promise<string> {
  const name = templateName(template.name)
  if (await isPrepared(client, name)) return name
  // Ends with the session, should this process be killed or the preparation fail.
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name])
  if (!(await isPrepared(client, name))) await prepare(client, name, template)
  await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name])
  return name
}

async function prepare(client: Client, name: string, template: DatabaseTemplate): Promise<void> {
  const quoted = escapeIdentifier(name)
  // One that is there and not prepared is what a process that was killed has left.
  await client.query(`DROP DATABASE IF EXISTS ${quoted} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${quoted} STRATEGY FILE_COPY`)
  await template.prepare(addressOf(name))
  // Nobody can be connected to a template while it is cloned; and this marks it as done.
  await client.query(`ALTER DATABASE ${quoted} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`)
}

async function isPrepared(client: Client, name: string): Promise<boolean> {
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1 AND datistemplate', [name])
  return found.rowCount === 1
}

/** Names of databases end at 63 bytes. */
function templateName(name: string): string {
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 30)
  return `template_${readable}_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

async function maintain<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: maintenanceUrl() })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function addressOf(database: string): string {
  const url = new URL(maintenanceUrl())
  url.pathname = `/${database}`
  return url.href
}

function maintenanceUrl(): string {
  const url = process.env['TEST_DATABASE_URL']
  if (url) return url
  throw new Error('TEST_DATABASE_URL is not set: run the tests by Vitest with its global setup, or set it to a server.')
}
