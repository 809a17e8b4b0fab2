import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Environment, ScriptError } from './script.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const startWithinMs = 60_000
const stopWithinMs = 20_000
/** As much of what the app complains of is kept, in characters. */
const mostErrors = 4_000

/** An app in a process of its own. */
export interface AppProcess extends AsyncDisposable {
  readonly url: string
  /** What it was started with: where its topic and its rows are. */
  readonly environment: Environment
}

/**
 * Starts an app that ends with the script; its data too, unless a database is set.
 *
 * @throws ScriptError where it does not start
 */
export async function startApp(given: Environment): Promise<AppProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-demo-'))
  // As root the database runs as another user, who has to pass here.
  await chmod(folder, 0o711)
  const environment = {
    ...given,
    ...{ HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', DATA_DIR: join(folder, 'data') },
    // Users log in there, as often as it takes, without TLS.
    ...{ JWT_SECRET: given['JWT_SECRET'] || randomBytes(32).toString('base64url'), JWT_JWKS_URL: '' },
    ...{ TLS_CERT_FILE: '', TLS_KEY_FILE: '', RATE_LIMIT: '' },
  }
  const child = spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = () => endApp(child, folder)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().finally(() => process.exit(130)))
  }
  try {
    return { url: await addressOf(child), environment, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

/** The address in the line that says where it listens. */
async function addressOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-mostErrors)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [address] = /https?:\/\/[\d.:]+/.exec(line) ?? []
    if (address) resolve(address)
  })
  child.once('close', () => reject(new ScriptError(`The app has ended before it served:\n${errors.trim()}`)))
  const late = () => reject(new ScriptError(`The app has not started within ${startWithinMs / 1_000} s.`))
  const timer = setTimeout(late, startWithinMs)
  return promise.finally(() => clearTimeout(timer))
}

async function endApp(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    await ended
    clearTimeout(timer)
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
