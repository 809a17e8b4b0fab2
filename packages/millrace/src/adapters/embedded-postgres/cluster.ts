import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fail, messageOf } from '../../core/errors.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment } from './environment.ts'
import { clusterPaths, type Home } from './home.ts'
import { isAlive } from './process.ts'

/** The name of the cluster's superuser: not 'millrace', whose schema of the same name would then be the default one. */
const superuser = 'postgres'

const unfinished = 'initializing-'
const run = promisify(execFile)

/** The data of a server, ready to be started. */
export interface Cluster {
  /** PGDATA. */
  readonly data: string
  readonly password: string
}

/** Where a database of a running server is. */
export function addressOf(server: {
  readonly port: number | string
  readonly password: string
  readonly database: string
}): string {
  const { port, password, database } = server
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
}

/**
 * Opens the cluster of a home, and makes it when there is none. It is made beside its place and renamed, so that one
 * that was interrupted half way is never taken for one; when two processes make it at once, the first is used.
 *
 * @throws EMBEDDED_UNAVAILABLE when it cannot be made, is another version's, or its password is gone
 */
export async function openCluster(home: Home, binaries: Binaries, durable: boolean): Promise<Cluster> {
  const paths = clusterPaths(home.path)
  await removeUnfinished(home.path)
  if (!existsSync(paths.cluster)) await makeCluster(home, binaries, durable)
  await checkVersion(paths.data, binaries.major)
  return { data: paths.data, password: await readPassword(paths.password) }
}

async function makeCluster(home: Home, binaries: Binaries, durable: boolean): Promise<void> {
  const temporary = await mkdtemp(join(home.path, `${unfinished}${process.pid}-`))
  try {
    await fillCluster(temporary, home.account, binaries, durable)
    await rename(temporary, clusterPaths(home.path).cluster)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (!existsSync(clusterPaths(home.path).cluster)) throw error
  }
}

async function fillCluster(folder: string, account: Account | undefined, binaries: Binaries, durable: boolean) {
  const data = join(folder, 'data')
  const password = join(folder, 'password')
  await chmod(folder, account ? 0o711 : 0o700)
  await mkdir(data, { mode: 0o700 })
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (account) await Promise.all([data, password].map((path) => chown(path, account.uid, account.gid)))
  await initialize({ data, password, account, binaries, durable })
}

interface Initialization {
  readonly data: string
  readonly password: string
  readonly account: Account | undefined
  readonly binaries: Binaries
  readonly durable: boolean
}

async function initialize({ data, password, account, binaries, durable }: Initialization): Promise<void> {
  const options = [`--pgdata=${data}`, `--username=${superuser}`, `--pwfile=${password}`, '--auth=scram-sha-256']
  // The same order of texts on every machine, by code point, and no catalogue of messages to be found.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const sync = durable ? [] : ['--no-sync']
  try {
    await run(binaries.initdb, [...options, ...locale, ...sync], { cwd: data, env: serverEnvironment(), ...account })
  } catch (error) {
    const output = (error as { stderr?: string }).stderr?.trim()
    throw fail('EMBEDDED_UNAVAILABLE', { problem: `initdb failed: ${output || messageOf(error)}` }, { cause: error })
  }
}

/** Removes what processes that are gone had begun to make. */
async function removeUnfinished(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const maker = Number(new RegExp(`^${unfinished}(\\d+)-`).exec(name)?.[1] ?? Number.NaN)
    // An initdb whose parent was killed may still be writing for a moment: try again, and leave the rest to the next start.
    if (!Number.isNaN(maker) && !isAlive(maker)) {
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined)
    }
  }
}

async function checkVersion(data: string, major: string): Promise<void> {
  const found = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  if (found === major) return
  const problem = `${data} was made by PostgreSQL ${found}, and this is ${major}, which cannot read it; dump it with ${found}, or start with an empty directory`
  throw fail('EMBEDDED_UNAVAILABLE', { problem })
}

async function readPassword(file: string): Promise<string> {
  const password = await readFile(file, 'utf8').catch(() => '')
  if (password.trim() === '') throw fail('EMBEDDED_UNAVAILABLE', { problem: `the password in ${file} is missing` })
  return password.trim()
}
