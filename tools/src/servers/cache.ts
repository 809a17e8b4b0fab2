import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { takeLock } from './lock.ts'

/** Where things are kept that take time to make, until `npm ci`. */
export const cacheFolder = join(import.meta.dirname, '../../../node_modules/.cache/millrace-servers')

/** A folder of the cache. */
export interface Cached {
  /** Says what is in it: include a hash of what it is made from. */
  readonly name: string
  /** Fills the empty folder. */
  make(folder: string): Promise<void>
  /** False to have it made again. @default always */
  isWhole?(folder: string): Promise<boolean>
}

/**
 * A folder of the cache, made if need be. The first to ask makes it, in whatever process, and the others wait for
 * that. It is made beside its place and renamed: one that was interrupted is never taken for one.
 */
export async function cached({ name, make, isWhole = async () => true }: Cached): Promise<string> {
  const folder = join(cacheFolder, name)
  const isThere = async () => existsSync(folder) && (await isWhole(folder))
  if (await isThere()) return folder
  await mkdir(cacheFolder, { recursive: true })
  const unlock = await takeLock(`${folder}.lock`)
  try {
    if (!(await isThere())) await remake(folder, make)
  } finally {
    await unlock()
  }
  return folder
}

async function remake(folder: string, make: Cached['make']): Promise<void> {
  const temporary = `${folder}.new`
  // What a process that was killed has left.
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary)
  await make(temporary)
  await rm(folder, { recursive: true, force: true })
  await rename(temporary, folder)
}

/** A short name for what something was made from. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex').slice(0, 16)
}
