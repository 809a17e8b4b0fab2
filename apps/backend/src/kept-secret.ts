import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The secret in a file of a directory, made at random where there is none yet. Only this user can read the file.
 *
 * One process at a time may call it for a directory; the embedded PostgreSQL, which is started before, sees to that.
 */
export async function keptSecret(directory: string, name: string): Promise<string> {
  const file = join(directory, name)
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // One that is there and cannot be read is not to be replaced.
    if (error.code !== 'ENOENT') throw error
    return ''
  })
  if (kept.trim() !== '') return kept.trim()
  const secret = randomBytes(32).toString('base64url')
  await mkdir(directory, { recursive: true })
  // Whole or not at all: a process that dies in between must not leave an empty secret.
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${secret}\n`, { mode: 0o600 })
  await rename(draft, file)
  return secret
}
