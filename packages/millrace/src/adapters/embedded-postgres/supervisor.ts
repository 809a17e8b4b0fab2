/**
 * The program of a small process between the app and PostgreSQL. It starts the server, keeps its log, and shuts it
 * down when the channel to the app closes: because the app wants it, has ended, or was killed. No signal to the app
 * can prevent that, and there is nothing like it in PostgreSQL that works on every system.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Account } from './account.ts'
import { BoundedLog } from './bounded-log.ts'

/** What the supervisor is to start; its only argument, as JSON. */
export interface SupervisorOrder {
  readonly command: string
  readonly arguments: readonly string[]
  /** The working directory. */
  readonly directory: string
  readonly account: Account | undefined
  readonly logFile: string
  /** Folders to remove when the server has ended. */
  readonly remove: readonly string[]
}

/** What the supervisor tells the app. After `exited` it ends itself. */
export type SupervisorReport =
  | { readonly type: 'ready'; readonly pid: number }
  /** `log` is the end of what the server wrote. */
  | { readonly type: 'exited'; readonly reason: string; readonly log: string }

const logLimit = 5 * 1024 * 1024
const logTail = 4096
// PostgreSQL's fast shutdown writes a checkpoint; an immediate one does not, and the next start recovers.
const escalation = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 1_000 },
] as const

supervise(JSON.parse(process.argv[2] ?? '') as SupervisorOrder)

function supervise(order: SupervisorOrder): void {
  process.title = 'millrace embedded postgres'
  // Signals to a whole group or service are for the app, which needs the database while it winds up.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  const server = spawn(order.command, order.arguments, {
    cwd: order.directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...order.account,
  })
  const tail = keepLog(server, new BoundedLog(order.logFile, logLimit))
  server.once('error', (error) => leave({ type: 'exited', reason: error.message, log: '' }))
  const end = () => {
    for (const folder of order.remove) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    leave({ type: 'exited', reason: server.signalCode ?? `code ${server.exitCode}`, log: tail() })
  }
  server.once('close', end)
  // Its last words may still be in the pipe, and a process it left behind may hold that open for ever.
  server.once('exit', () => setTimeout(end, 500))
  process.once('disconnect', () => shutDown(server))
  if (!process.connected) shutDown(server)
}

/** Passes the server's messages to the log, reports when it is ready, and answers how to get the last of them. */
function keepLog(server: ChildProcess, log: BoundedLog): () => string {
  let text = ''
  let isReady = false
  server.stderr?.on('data', (chunk: Buffer) => {
    log.write(chunk)
    text = (text + chunk.toString()).slice(-logTail)
    if (isReady || !text.includes('database system is ready to accept connections')) return
    isReady = true
    report({ type: 'ready', pid: server.pid ?? 0 })
  })
  return () => text.trim()
}

function shutDown(server: ChildProcess, step = 0): void {
  const measure = escalation[step]
  if (!measure) process.exit(1)
  server.kill(measure.signal)
  setTimeout(() => shutDown(server, step + 1), measure.waitMs)
}

function report(message: SupervisorReport): void {
  if (process.connected) process.send?.(message)
}

function leave(message: SupervisorReport): void {
  if (!process.connected) process.exit(0)
  process.send?.(message, () => process.exit(0))
}
