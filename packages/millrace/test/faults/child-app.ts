import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import { defaultKafkaBrokers } from '../../src/testing/kafka.ts'
import type { ChildOptions } from './app.fixture.ts'

/** An app in a process of its own. */
export interface ChildApp {
  readonly pid: number
  readonly url: string
  /** How it ended: its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** What it logged of late. */
  readonly log: () => string
  signal(signal: NodeJS.Signals): void
  /** Kills it as the system does when memory runs out, and resolves when it is gone. */
  kill(): Promise<void>
}

const longestLog = 100_000
const inFolder = (name: string) => join(import.meta.dirname, name)

/** Starts the app fixture, which is ended with the test at the latest; resolves when it takes requests. */
export async function startChildApp(options: ChildOptions): Promise<ChildApp> {
  const all: ChildOptions = { kafkaBrokers: defaultKafkaBrokers() ?? [], ...options }
  const files = ['--import', pathToFileURL(inFolder('live-sabotage.preload.ts')).href, inFolder('app.fixture.ts')]
  const child = spawn(process.execPath, [...(all.liveSabotage ? files : files.slice(-1)), JSON.stringify(all)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals)
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  const log = keepLog(child)
  const started = once(createInterface({ input: child.stdout }), 'line').then(
    ([line]) => JSON.parse(line) as { url: string },
  )
  const failed = ended.then((how) =>
    Promise.reject(new Error(`the app ended with ${how} before it had started:\n${log()}`)),
  )
  const { url } = await Promise.race([started, failed])
  failed.catch(() => {})
  return { pid: child.pid ?? 0, url, ended, log, signal: (signal) => void child.kill(signal), kill }
}

function keepLog(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-longestLog)
  })
  return () => text
}

interface Progress {
  readonly consumers: readonly { readonly partitions: readonly unknown[] }[]
}

/** How many partitions an app's consumers have. */
export async function partitionsOf(app: ChildApp): Promise<number> {
  const { consumers } = (await (await fetch(`${app.url}/health/progress`)).json()) as Progress
  return consumers.reduce((sum, { partitions }) => sum + partitions.length, 0)
}
