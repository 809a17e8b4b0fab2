import type { KeptProcess } from './keeping.ts'

/** A process did not start; the message has what it wrote. */
export class ServerStartError extends Error {}

/** For a process to be ready. */
const startWithinMs = 60_000

const stopWithinMs = 15_000
const shownLines = 20
const attempts = 3

/** Starts a server on ports that it chooses: once more, where another process was faster to take one. */
export async function onFreePorts<Server>(start: () => Promise<Server>): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (attempt === attempts || !isPortTaken(error)) throw error
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof ServerStartError && error.message.includes('Address already in use')
}

/**
 * Resolves when `ready` does; kills the process if that takes too long.
 *
 * @param what the process, for the error
 * @throws ServerStartError when it takes too long, or the process ends before
 */
export async function untilReady(started: KeptProcess, what: string, ready: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), startWithinMs)
  const outcome = await Promise.race([ready.then(() => 'ready' as const), started.exited, late.promise])
  clearTimeout(timer)
  if (outcome === 'ready') return
  started.signal('SIGKILL')
  const { reason, output } = await started.exited
  const problem = outcome === 'late' ? `was not ready within ${startWithinMs} ms` : `ended with ${reason}`
  throw new ServerStartError(`${what} ${problem}:\n${tellingLines(output)}`)
}

/**
 * The errors with what follows them, else the last lines: a node that fails winds up at length. Kafka's lines begin
 * with the date, what follows them does not.
 */
function tellingLines(output: string): string {
  const lines = output.split('\n')
  let isError = false
  const errors = lines.filter((line) => {
    if (/^\d{4}-/.test(line)) isError = / (ERROR|FATAL) /.test(line)
    return isError
  })
  return (errors.length > 0 ? errors : lines).slice(-shownLines).join('\n')
}

/** Ends the process by the signal, and kills it if it takes long. Resolves when it is gone. */
export async function endProcess(running: KeptProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  running.signal(signal)
  // One that is paused would not see that it is asked.
  running.signal('SIGCONT')
  const timer = setTimeout(() => running.signal('SIGKILL'), stopWithinMs)
  await running.exited
  clearTimeout(timer)
}
