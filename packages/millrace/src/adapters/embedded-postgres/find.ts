import { readFile } from 'node:fs/promises'
import { fail, messageOf } from '../../core/errors.ts'
import { addressOf } from './cluster.ts'
import { clusterPaths, placeOfHome } from './home.ts'
import { lockFileIn, parseLockFile } from './lock-file.ts'
import { isServerOf } from './process.ts'

/** Which server to find. */
export interface FindOptions {
  /** The data directory of the app that it belongs to. */
  readonly directory: string
  /** @default 'millrace' */
  readonly database?: string
}

/**
 * Finds the server that an app has running on its data directory, for another program of the same user. Nothing is started
 * or made.
 *
 * @returns its address; undefined where there is none, or it does not take connections
 * @throws EMBEDDED_UNAVAILABLE where this user may not read the data
 */
export async function findEmbeddedPostgres({
  directory,
  database = 'millrace',
}: FindOptions): Promise<string | undefined> {
  const { data, password: file } = clusterPaths(await placeOfHome(directory))
  try {
    const server = parseLockFile(await readFile(lockFileIn(data), 'utf8'))
    if (server?.status !== 'ready' || !(await isServerOf(server.pid, data))) return undefined
    return addressOf({ port: server.port, password: (await readFile(file, 'utf8')).trim(), database })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fail('EMBEDDED_UNAVAILABLE', { problem: messageOf(error) }, { cause: error })
  }
}
