import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fail } from '../../core/errors.ts'

/** A user of the system that processes are started as, and files are handed to. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Whether this process runs as root, which PostgreSQL refuses to. Never on Windows. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * The user PostgreSQL runs as when this process is root. It has an entry in the passwd file, as initdb looks there
 * for its own user's name.
 *
 * @throws EMBEDDED_UNAVAILABLE when the system has no user `nobody`
 */
export async function unprivilegedAccount(): Promise<Account> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd)
  if (!entry) {
    throw fail('EMBEDDED_UNAVAILABLE', { problem: 'PostgreSQL must not run as root, and there is no user "nobody"' })
  }
  // Some systems write the ids as signed numbers (-2); the calls want them unsigned.
  return { uid: Number(entry[1]) >>> 0, gid: Number(entry[2]) >>> 0 }
}

/** The user a file belongs to; undefined when there is no such file, or it is root's. */
export async function ownerOf(path: string): Promise<Account | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : undefined
}

/** The first folder on the way to a path, itself included, that the user cannot enter; undefined when there is none. */
export async function barrier(path: string, account: Account): Promise<string | undefined> {
  const parent = dirname(path)
  const above = parent === path ? undefined : await barrier(resolve(parent), account)
  if (above !== undefined) return above
  return (await mayExecute(path, account)) ? undefined : path
}

/** By the permission bits alone: whether the user may enter the folder, or run the file. False when it is missing. */
async function mayExecute(path: string, account: Account): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return false
  if (found.uid === account.uid) return (found.mode & 0o100) !== 0
  if (found.gid === account.gid) return (found.mode & 0o010) !== 0
  return (found.mode & 0o001) !== 0
}
