import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fail, type MillraceError } from '../../core/errors.ts'
import { type LockFile, lockFileIn, parseLockFile } from './lock-file.ts'
import { isAlive, isServerOf } from './process.ts'
import { ownerSetting } from './settings.ts'

const pollMs = 20
/** A supervisor interrupts its server within milliseconds of its app's death; one that has not by now is gone too. */
const orphanedAfterMs = 1_000

/** The server of a data directory. */
interface RunningServer extends LockFile {
  /** The process it belongs to. */
  readonly owner: number | undefined
}

/**
 * Resolves when no server uses the data directory: at once, or when the one whose app was killed has shut down.
 *
 * @param directory the directory as the user knows it, for the error
 * @param deadline by `performance.now()`
 * @throws EMBEDDED_ALREADY_RUNNING at once when the server's app is alive, else at the deadline
 */
export async function awaitPredecessor(data: string, directory: string, deadline: number): Promise<void> {
  const begun = performance.now()
  let interrupted = false
  for (;;) {
    const server = await runningServer(data)
    if (!server) return
    const owned = server.owner !== undefined && isAlive(server.owner)
    if ((owned && server.status === 'ready') || performance.now() > deadline) throw alreadyRunning(server, directory)
    if (!interrupted && !owned && performance.now() - begun > orphanedAfterMs) {
      interrupted = true
      interrupt(server.pid)
    }
    await delay(pollMs)
  }
}

async function runningServer(data: string): Promise<RunningServer | undefined> {
  const file = await openLockFile(lockFileIn(data))
  if (!file) return undefined
  try {
    const text = await file.readFile('utf8')
    const server = parseLockFile(text)
    if (!server) return undefined
    if (!(await isServerOf(server.pid, data))) return await disown(file, text)
    return { ...server, owner: await ownerOfServer(data) }
  } finally {
    await file.close()
  }
}

async function openLockFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * The file is of a server that has died. Its number may be another program's by now, or a zombie's, which PostgreSQL
 * would take for the server. Only the number is replaced, by one that no process can have: removing the file would
 * also remove what tells PostgreSQL that backends of the dead server are still at work. And it is written through
 * the handle it was read by: at its path there may be the file of a new server by now.
 */
async function disown(file: FileHandle, text: string): Promise<undefined> {
  await file.write(text.replace(/^\d+/, '2147483647'), 0)
}

async function ownerOfServer(data: string): Promise<number | undefined> {
  const options = await readFile(join(data, 'postmaster.opts'), 'utf8').catch(() => '')
  const owner = options.split(`${ownerSetting}=`)[1]
  return owner === undefined ? undefined : Number.parseInt(owner, 10)
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch {
    // It has ended, or is not ours: waiting shows which.
  }
}

function alreadyRunning({ pid, port }: RunningServer, directory: string): MillraceError {
  return fail('EMBEDDED_ALREADY_RUNNING', { directory, pid, port })
}
