import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fail, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Queryable } from '../core/unit.ts'
import type { Database } from '../ports/database.ts'

/** A folder of `NNNN_name.sql` files and whose they are: a capability of the framework, or a module. */
export interface MigrationSet {
  readonly owner: string
  readonly folder: URL
}

interface Migration {
  readonly owner: string
  readonly number: number
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

/**
 * Applies every migration that is not in the ledger yet, in the order of the sets and their numbers: each once, each in a
 * transaction of its own, under one lock, so that any number of processes may start at the same time.
 * Migrations that the database has and this program does not are left alone: an older version restarts during a roll-out.
 *
 * @throws MIGRATION_CHANGED, MIGRATION_FAILED, DEFINITION_INVALID when a file is not named `NNNN_name.sql`, or its number is taken
 */
export async function migrate(database: Database, sets: readonly MigrationSet[], logger: Logger): Promise<void> {
  const migrations = (await Promise.all(sets.map(readMigrations))).flat()
  await locked(database, (connection) => connection.query(ledger))
  const { rows } = await database.query<LedgerRow>('SELECT owner, number, checksum FROM millrace.migration')
  const applied = new Map(rows.map((row) => [`${row.owner}/${row.number}`, row.checksum]))
  for (const migration of migrations) {
    const checksum = applied.get(`${migration.owner}/${migration.number}`)
    if (checksum === undefined) await apply(database, migration, logger)
    else refuseChanged(migration, checksum)
  }
}

interface LedgerRow {
  readonly owner: string
  readonly number: number
  readonly checksum: string
}

const ledger = `
  CREATE SCHEMA IF NOT EXISTS millrace;
  CREATE TABLE IF NOT EXISTS millrace.migration (
    owner text NOT NULL,
    number int NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, number)
  )`

async function readMigrations({ owner, folder }: MigrationSet): Promise<Migration[]> {
  const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`)
  const files = (await readdir(base)).filter((file) => file.endsWith('.sql')).sort()
  refuseTakenNumbers(owner, files)
  return Promise.all(
    files.map(async (file) => {
      const [, number, name] = /^(\d{4})_([a-z0-9_-]+)\.sql$/.exec(file) ?? []
      if (number === undefined || name === undefined) {
        throw fail('DEFINITION_INVALID', {
          what: `Migration ${owner}/${file}`,
          problem: 'it is not named NNNN_name.sql',
        })
      }
      // Line ends depend on how the file was checked out; its checksum must not.
      const sql = (await readFile(new URL(file, base), 'utf8')).replaceAll('\r\n', '\n')
      return { owner, number: Number(number), name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

function refuseTakenNumbers(owner: string, files: readonly string[]): void {
  const taken = files.find((file, index) => files[index - 1]?.slice(0, 4) === file.slice(0, 4))
  if (taken) {
    throw fail('DEFINITION_INVALID', { what: `Migration ${owner}/${taken}`, problem: 'another file has its number' })
  }
}

async function apply(database: Database, migration: Migration, logger: Logger): Promise<void> {
  const { owner, number, name, sql, checksum } = migration
  try {
    await locked(database, async (connection) => {
      const { rows } = await connection.query<LedgerRow>(
        'SELECT checksum FROM millrace.migration WHERE owner = $1 AND number = $2',
        [owner, number],
      )
      if (rows[0]) return refuseChanged(migration, rows[0].checksum)
      await connection.query(sql)
      await connection.query('INSERT INTO millrace.migration (owner, number, name, checksum) VALUES ($1, $2, $3, $4)', [
        owner,
        number,
        name,
        checksum,
      ])
      logger.info({ migration: titleOf(migration) }, 'migration applied')
    })
  } catch (error) {
    if (database.faultOf(error) !== 'statement') throw error
    throw fail('MIGRATION_FAILED', { migration: titleOf(migration), problem: messageOf(error) }, { cause: error })
  }
}

async function locked(database: Database, work: (connection: Queryable) => Promise<unknown>): Promise<void> {
  await database.transaction(async (transaction) => {
    transaction.send({ text: "SELECT pg_advisory_xact_lock(hashtextextended('millrace:migrate', 0))" })
    await work(transaction)
  })
}

function refuseChanged(migration: Migration, checksum: string): void {
  if (checksum !== migration.checksum) throw fail('MIGRATION_CHANGED', { migration: titleOf(migration) })
}

function titleOf({ owner, number, name }: Migration): string {
  return `${owner}/${String(number).padStart(4, '0')}_${name}`
}
