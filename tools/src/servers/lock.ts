import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** How to take a lock. */
export interface LockOptions {
  /** The process that it is for: it is free again when that has ended. @default this one */
  readonly owner?: number
  /** How long to wait for it. @default for ever */
  readonly withinMs?: number
}

const pollMs = 50

/**
 * Takes a lock, which is a file with the id of a process.
 *
 * @returns how to give it back
 * @throws when another living process has it, and keeps it
 */
export async function takeLock(file: string, options: LockOptions = {}): Promise<() => Promise<void>> {
  const { owner = process.pid, withinMs = Number.POSITIVE_INFINITY } = options
  const deadline = performance.now() + withinMs
  while (!(await write(file, owner))) {
    const other = await ownerOf(file)
    if (other !== undefined && !isAlive(other)) await rm(file, { force: true })
    else if (performance.now() < deadline) await delay(pollMs)
    else throw new Error(`Process ${other} has it; if that is another program, remove ${file}.`)
  }
  return () => rm(file, { force: true })
}

function write(file: string, owner: number): Promise<boolean> {
  return writeFile(file, String(owner), { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )
}

/** Undefined when it is not written yet, or gone again. */
async function ownerOf(file: string): Promise<number | undefined> {
  return Number(await readFile(file, 'utf8').catch(() => '')) || undefined
}

function isAlive(pid: number): boolean {
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
