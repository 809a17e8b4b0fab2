import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serverEnvironment } from './environment.ts'
import { isAlive } from './process.ts'
import type { SupervisorOrder, SupervisorReport } from './supervisor.ts'

/** A server that takes connections. */
export interface Server {
  readonly pid: number
  /** Resolves with the reason when the server ends without having been told to. */
  readonly died: Promise<string>
  /** Shuts it down fast, harder when that takes long, and resolves when it has ended. A second call joins the first. */
  stop(): Promise<void>
}

/** The server ended, or took too long, before it was ready. */
export class LaunchError extends Error {
  /** The end of what it wrote. */
  readonly log: string

  constructor(reason: string, log: string) {
    super(log === '' ? reason : `${reason}:\n${log}`)
    this.log = log
  }
}

// Longer than the supervisor's own escalation.
const stopWithinMs = 20_000

/**
 * Starts a server under a supervisor and waits until it takes connections, after a recovery where one is needed.
 *
 * @throws LaunchError
 */
export async function launchServer(order: SupervisorOrder, withinMs: number): Promise<Server> {
  const supervisor = startSupervisor(order)
  const ended = onceEnded(supervisor)
  try {
    return running(await ready(supervisor, ended, withinMs), supervisor, ended)
  } catch (error) {
    if (supervisor.connected) supervisor.disconnect()
    throw error
  }
}

function startSupervisor(order: SupervisorOrder): ChildProcess {
  // What the supervisor itself has to complain about goes to the same log.
  const log = openSync(order.logFile, 'a', 0o600)
  try {
    return fork(join(import.meta.dirname, `supervisor${extname(import.meta.filename)}`), [JSON.stringify(order)], {
      // In a session of its own: an interrupt from the terminal is for the app.
      detached: true,
      execArgv: [],
      cwd: dirname(order.logFile),
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', log, 'ipc'],
    })
  } finally {
    closeSync(log)
  }
}

/** How it ended. */
interface End {
  readonly reason: string
  readonly log: string
  /** The supervisor ended before its server, which may be running still. */
  readonly abandoned: boolean
}

/** Resolves when the supervisor has ended, with what it said of the server. */
function onceEnded(supervisor: ChildProcess): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>()
  let last: End | undefined
  supervisor.on('message', (report: SupervisorReport) => {
    if (report.type !== 'exited') return
    last = { reason: `PostgreSQL ended with ${report.reason}`, log: report.log, abandoned: false }
  })
  supervisor.once('error', (error) => resolve({ reason: error.message, log: '', abandoned: false }))
  supervisor.once('exit', (code, signal) => {
    const reason = `its supervisor ended with ${signal ?? `code ${code}`}`
    const end = () => resolve(last ?? { reason, log: '', abandoned: code !== 0 })
    // Its last report can come after the news of its end, but not after the end of the channel.
    if (supervisor.connected) supervisor.once('disconnect', end)
    else end()
  })
  return promise
}

async function ready(supervisor: ChildProcess, ended: Promise<End>, withinMs: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  supervisor.on('message', (report: SupervisorReport) => {
    if (report.type === 'ready') resolve(report.pid)
  })
  void ended.then((end) => reject(new LaunchError(end.reason, end.log)))
  const timer = setTimeout(() => reject(new LaunchError(`it was not ready within ${withinMs} ms`, '')), withinMs)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

function running(pid: number, supervisor: ChildProcess, ended: Promise<End>): Server {
  // The server is no reason for a process to stay that has nothing else to do.
  supervisor.unref()
  supervisor.channel?.unref()
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= shutDown(pid, supervisor, ended)
    return stopping
  }
  const { promise: died, resolve } = Promise.withResolvers<string>()
  void ended.then((end) => stopping ?? resolve(end.reason))
  return { pid, died, stop }
}

async function shutDown(pid: number, supervisor: ChildProcess, ended: Promise<End>): Promise<void> {
  supervisor.ref()
  const { promise: bound, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, stopWithinMs, undefined)
  if (supervisor.connected) supervisor.disconnect()
  const end = await Promise.race([ended, bound])
  clearTimeout(timer)
  if (end?.abandoned) await interrupt(pid)
}

/** Shuts down a server that has lost its supervisor. */
async function interrupt(pid: number): Promise<void> {
  const deadline = performance.now() + stopWithinMs
  if (isAlive(pid)) process.kill(pid, 'SIGINT')
  while (isAlive(pid) && performance.now() < deadline) await delay(20)
}
