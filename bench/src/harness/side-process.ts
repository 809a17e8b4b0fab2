import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { BenchCase, Result, Round } from './definition.ts'

/** The side that every case has: it prepares the database. */
export const preparing = 'prepare'

/** A round may take so long, then its process is killed. */
const roundMs = 10 * 60_000

type Answer = { readonly result: Result } | { readonly error: string }

/** Which side to run, of which checkout of this repository. */
export interface SideOptions {
  readonly checkout: string
  readonly caseName: string
  readonly side: string
}

/** A process that runs rounds of one side; see {@link serveSide}. */
export interface SideProcess extends AsyncDisposable {
  run(round: Round): Promise<Result>
}

/** Starts a side in a process of its own: sides share neither heap, nor compiled code, nor checkout. */
export function startSide({ checkout, caseName, side }: SideOptions): SideProcess {
  // kafkajs sets timers to times that have passed.
  const execArgv = [...process.execArgv, '--disable-warning=TimeoutNegativeWarning']
  const child = fork(join(checkout, 'bench/src/main.ts'), ['--side', side, caseName], { cwd: checkout, execArgv })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    run: (round) => ask(child, `${caseName}, ${side}`, round),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** Runs, in the process of {@link startSide}, the rounds it is sent, until it is disconnected. */
export function serveSide(bench: BenchCase, side: string): void {
  const run = side === preparing ? prepared(bench) : bench.sides[side]?.run
  if (!run) throw new Error(`${bench.name} has no side ${side}`)
  process.on('message', (round: Round) => {
    run(round).then(
      (result) => process.send?.({ result } satisfies Answer),
      (error: unknown) =>
        process.send?.({ error: String(error instanceof Error ? error.stack : error) } satisfies Answer),
    )
  })
}

function prepared({ prepare }: BenchCase): (round: Round) => Promise<Result> {
  return async (round) => {
    await prepare(round)
    return { values: {} }
  }
}

async function ask(child: ChildProcess, who: string, round: Round): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const onAnswer = (answer: Answer) => {
    if ('result' in answer) resolve(answer.result)
    else reject(new Error(`${who}: ${answer.error}`))
  }
  const onExit = () => reject(new Error(`${who}: the process has ended`))
  const timer = setTimeout(() => child.kill('SIGKILL'), roundMs)
  child.once('message', onAnswer)
  child.once('exit', onExit)
  // Without a callback, a process that has ended already would end this one.
  child.send(round, (error) => error && reject(new Error(`${who}: ${error.message}`)))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.off('message', onAnswer)
    child.off('exit', onExit)
  }
}
