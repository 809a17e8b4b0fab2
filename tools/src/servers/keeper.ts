/**
 * The program of a small process between the caller and the servers. It starts them, reads what they write, and kills
 * them when the channel to the caller closes: because the caller wants it, has ended, or was killed. They have nothing
 * like it of their own, and no signal to the caller can prevent it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

/** A process that the keeper is to start. */
export interface Order {
  readonly command: string
  readonly arguments: readonly string[]
  /** The working directory. */
  readonly directory: string
  /** Whether the keeper reads what it writes; else its standard streams are the keeper's own. */
  readonly isRead: boolean
  /** What it writes when it is ready. */
  readonly readyText?: string
}

/** What the caller tells the keeper; `id` is the caller's name for the process. */
export interface Command {
  readonly id: number
  readonly order: Order
}

/** What the keeper tells the caller. `exited` is the last of a process. */
export type Report =
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'ready'; readonly id: number }
  | {
      readonly type: 'exited'
      readonly id: number
      readonly code: number | null
      /** How it ended, in words. */
      readonly reason: string
      /** The end of what it wrote. */
      readonly output: string
    }

const outputTail = 8192
const running = new Set<ChildProcess>()

keep(process.argv.slice(2))

/** @param folders to remove at the end */
function keep(folders: readonly string[]): void {
  process.title = 'millrace keeper'
  // Signals to a whole group or service are for the caller.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('message', ({ id, order }: Command) => start(id, order))
  process.once('disconnect', () => void end(folders))
  if (!process.connected) void end(folders)
}

function start(id: number, { command, arguments: args, directory, isRead, readyText }: Order): void {
  const child = spawn(command, args, { cwd: directory, stdio: isRead ? ['ignore', 'pipe', 'pipe'] : 'inherit' })
  running.add(child)
  const output = read(child, readyText, () => report({ type: 'ready', id }))
  const exited = (reason: string) => {
    if (running.delete(child)) report({ type: 'exited', id, code: child.exitCode, reason, output: output() })
  }
  child.once('spawn', () => report({ type: 'started', id, pid: child.pid ?? 0 }))
  child.once('error', (error) => exited(error.message))
  child.once('close', () => exited(child.signalCode ?? `code ${child.exitCode}`))
}

/** Answers how to get the end of what the process has written. */
function read(child: ChildProcess, readyText: string | undefined, onReady: () => void): () => string {
  let text = ''
  let isReady = false
  const add = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-outputTail)
    if (isReady || readyText === undefined || !text.includes(readyText)) return
    isReady = true
    onReady()
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text.trim()
}

function report(message: Report): void {
  if (process.connected) process.send?.(message)
}

/** Kills what is left at once: nobody is there who could wait, and a server recovers. */
async function end(folders: readonly string[]): Promise<void> {
  await Promise.all([...running].map(kill))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}

function kill(child: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) resolve()
  child.once('exit', () => resolve())
  child.kill('SIGKILL')
  return promise
}
