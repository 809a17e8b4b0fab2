import { type ChildProcess, fork, type StdioOptions } from 'node:child_process'
import { join } from 'node:path'
import type { Command, Order, Report } from './keeper.ts'

/** Starts processes that end with this one, however this one ends. */
export interface Keeper extends AsyncDisposable {
  /** Resolves when the process runs. @throws when there is no such program */
  start(order: Order): Promise<KeptProcess>
  /** Kills what still runs, removes the folders, and resolves when all that is done. A second call joins the first. */
  close(): Promise<void>
  /** The process between, whose standard streams are its processes'. */
  readonly process: ChildProcess
}

/** A process under a keeper. */
export interface KeptProcess {
  readonly pid: number
  /** Resolves when it has written what it writes when it is ready. Never, if it ends before. */
  readonly ready: Promise<void>
  readonly exited: Promise<Exit>
  /** Nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  /** In words. */
  readonly reason: string
  /** The end of what it wrote. */
  readonly output: string
}

/** How to start a keeper. */
export interface KeeperOptions {
  /** Folders to remove when all processes have ended, also when that is because this process was killed. */
  readonly remove?: readonly string[]
  /** Of the keeper. @default none */
  readonly stdio?: 'inherit' | 'pipe'
}

interface Waiting {
  readonly started: PromiseWithResolvers<number>
  readonly ready: PromiseWithResolvers<void>
  readonly exited: PromiseWithResolvers<Exit>
}

/** Starts a keeper. */
export function startKeeper({ remove = [], stdio }: KeeperOptions = {}): Keeper {
  const keeper = forkKeeper(remove, stdio ?? 'ignore')
  const gone = Promise.withResolvers<void>()
  const processes = new Map<number, Waiting>()
  keeper.on('message', (report: Report) => settle(report, processes))
  const end = (reason: string) => {
    abandon(`its keeper ended with ${reason}`, processes)
    gone.resolve()
  }
  keeper.once('exit', (code, signal) => end(signal ?? `code ${code}`))
  // Also when it cannot be told something, as it has just ended.
  keeper.on('error', ({ message }) => keeper.pid ?? end(message))
  const start = async (order: Order): Promise<KeptProcess> => {
    if (!keeper.connected) throw new Error('The keeper has ended.')
    const id = processes.size
    const waiting = expectProcess()
    processes.set(id, waiting)
    keeper.send({ id, order } satisfies Command)
    return kept(await waiting.started.promise, waiting)
  }
  const close = async () => {
    if (keeper.connected) keeper.disconnect()
    await gone.promise
  }
  return { start, close, process: keeper, [Symbol.asyncDispose]: close }
}

function forkKeeper(remove: readonly string[], streams: 'inherit' | 'pipe' | 'ignore'): ChildProcess {
  const stdio: StdioOptions =
    streams === 'ignore' ? ['ignore', 'ignore', 'inherit', 'ipc'] : [...Array(3).fill(streams), 'ipc']
  // In a session of its own: an interrupt from the terminal is for this process.
  return fork(join(import.meta.dirname, 'keeper.ts'), remove, { detached: true, execArgv: [], stdio })
}

function expectProcess(): Waiting {
  const waiting: Waiting = {
    started: Promise.withResolvers(),
    ready: Promise.withResolvers(),
    exited: Promise.withResolvers(),
  }
  void waiting.exited.promise.then(({ reason }) => waiting.started.reject(new Error(reason)))
  return waiting
}

function kept(pid: number, { ready, exited }: Waiting): KeptProcess {
  let isGone = false
  void exited.promise.then(() => {
    isGone = true
  })
  const signal = (name: NodeJS.Signals) => {
    // Its number may be another's by now.
    if (isGone) return
    try {
      process.kill(pid, name)
    } catch (error) {
      // It has just gone, and the news is on its way.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return { pid, ready: ready.promise, exited: exited.promise, signal }
}

function settle(report: Report, processes: ReadonlyMap<number, Waiting>): void {
  const waiting = processes.get(report.id)
  if (report.type === 'started') waiting?.started.resolve(report.pid)
  else if (report.type === 'ready') waiting?.ready.resolve()
  else waiting?.exited.resolve(report)
}

function abandon(reason: string, processes: ReadonlyMap<number, Waiting>): void {
  for (const { exited } of processes.values()) exited.resolve({ code: null, reason, output: '' })
}
