import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fail } from '../../core/errors.ts'
import { type Account, barrier, isRoot, ownerOf, unprivilegedAccount } from './account.ts'

/** Where an embedded PostgreSQL keeps everything, and who runs it. */
export interface Home {
  /** The folder with `cluster/` and the log. */
  readonly path: string
  /** The user PostgreSQL runs as; undefined for the one this process has. */
  readonly account: Account | undefined
  /** Where copies of the server's binaries may be put. */
  readonly binaries: string
}

/**
 * Finds the home for a data directory. It is `postgres/` in the directory. Only as root, below a folder that the
 * unprivileged user cannot enter, it is a folder outside, which the file `postgres-location` in the directory names,
 * so that it is found again, and a directory that was removed and made anew begins empty.
 *
 * @throws EMBEDDED_UNAVAILABLE when the data is there and cannot be reached as this user
 */
export async function findHome(directory: string): Promise<Home> {
  await mkdir(directory, { recursive: true })
  const absolute = await realpath(directory)
  return isRoot() ? homeForRoot(absolute) : homeForUser(absolute)
}

/** Where the home for a data directory is, if it has one. */
export async function placeOfHome(directory: string): Promise<string> {
  return (await readLocation(directory)) ?? join(directory, 'postgres')
}

/** The data of a home: PGDATA, and the password beside it. They appear together or not at all. */
export function clusterPaths(home: string): { cluster: string; data: string; password: string } {
  const cluster = join(home, 'cluster')
  return { cluster, data: join(cluster, 'data'), password: join(cluster, 'password') }
}

async function homeForUser(directory: string): Promise<Home> {
  const outside = await readLocation(directory)
  if (outside) throw unreachable(`its data is in ${outside}, where it was put by root`)
  const path = join(directory, 'postgres')
  const owner = await stat(clusterPaths(path).data).catch(() => undefined)
  if (owner && process.getuid && owner.uid !== process.getuid()) {
    throw unreachable(`its data in ${path} belongs to another user (uid ${owner.uid})`)
  }
  return { path: await makeFolder(path, 0o700), account: undefined, binaries: path }
}

async function homeForRoot(directory: string): Promise<Home> {
  const inside = join(directory, 'postgres')
  const account = (await ownerOf(clusterPaths(inside).data)) ?? (await unprivilegedAccount())
  const outside = await readLocation(directory)
  if (outside && existsSync(outside)) return { path: outside, account, binaries: dirname(outside) }

  const blocked = await barrier(directory, account)
  if (blocked === undefined) return { path: await makeFolder(inside, 0o711), account, binaries: await outsideRoot() }
  if (existsSync(clusterPaths(inside).data)) {
    throw unreachable(`its data is in ${inside}, and the user it runs as (uid ${account.uid}) cannot enter ${blocked}`)
  }
  return homeOutside(directory, account)
}

async function homeOutside(directory: string, account: Account): Promise<Home> {
  const root = await outsideRoot()
  const name = `${basename(dirname(directory)) || 'data'}-${randomBytes(6).toString('hex')}`
  const path = await writeLocation(directory, join(root, name))
  return { path: await makeFolder(path, 0o711), account, binaries: root }
}

/** A folder that every user can enter and only root can change. The first survives a restart of the machine. */
async function outsideRoot(): Promise<string> {
  for (const candidate of ['/var/lib/millrace', join(tmpdir(), 'millrace-root')]) {
    const made = await makeFolder(candidate, 0o711).catch(() => undefined)
    const found = made && (await stat(made))
    // Someone else's folder, under a name that can be foreseen, is not trusted with the data.
    if (found && found.uid === 0 && (found.mode & 0o022) === 0) return candidate
  }
  throw unreachable('neither /var/lib nor the folder for temporary files can be written')
}

async function makeFolder(path: string, mode: number): Promise<string> {
  const made = await mkdir(path, { recursive: true })
  if (made !== undefined) await chmod(path, mode)
  return path
}

async function readLocation(directory: string): Promise<string | undefined> {
  const text = await readFile(locationFile(directory), 'utf8').catch(() => '')
  return text.trim() || undefined
}

/** Writes down the place, or answers the one that another process has written down first. */
async function writeLocation(directory: string, place: string): Promise<string> {
  const known = await readLocation(directory)
  // The folder it names is gone, as places for temporary files are emptied: make it again.
  if (known) return known
  await writeFile(locationFile(directory), `${place}\n`, { flag: 'wx', mode: 0o600 }).catch(() => undefined)
  return (await readLocation(directory)) ?? place
}

function locationFile(directory: string): string {
  return join(directory, 'postgres-location')
}

function unreachable(problem: string): Error {
  return fail('EMBEDDED_UNAVAILABLE', { problem })
}
