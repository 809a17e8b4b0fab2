import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Whether a process with this id exists, whoever's it is, and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return !isZombie(pid)
}

/** Whether it has ended and its parent has not asked how. In containers there is often nobody who ever does. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/**
 * Whether the process is the PostgreSQL server of a data directory, and not another program that was given the same
 * number later. Where that cannot be seen, a process that is alive counts as the server.
 */
export async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform === 'linux') return isServerOnLinux(pid, data)
  if (process.platform === 'win32') return true
  const command = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => undefined)
  return command === undefined || command.stdout.includes('postgres')
}

async function isServerOnLinux(pid: number, data: string): Promise<boolean> {
  // A server works in its data directory. The folder itself is compared, as it can have several names.
  const [folder, wanted] = await Promise.all(
    [`/proc/${pid}/cwd`, data].map((path) => stat(path).catch(() => undefined)),
  )
  if (folder && wanted) return folder.dev === wanted.dev && folder.ino === wanted.ino
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return command.trim() === 'postgres'
}
