import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AppSettings } from './app.ts'

/** A process of an app; see `app-process.main.ts`. */
export interface AppProcess {
  readonly pid: number
  /** Where it takes requests, once it does; undefined when it has ended before. */
  readonly started: Promise<string | undefined>
  /** How it ended: its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  signal(signal: NodeJS.Signals): void
}

/** @param logFile what it logs is added there */
export function launchApp(settings: AppSettings, logFile: string): AppProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'app-process.main.ts'), JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile, { flags: 'a' })
  log.write(`--- process ${child.pid}\n`)
  child.stderr.pipe(log)
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals)
  const announced = once(createInterface({ input: child.stdout }), 'line').then(
    ([line]) => (JSON.parse(line) as { url: string }).url,
  )
  const started = Promise.race([announced, ended.then(() => undefined)])
  return { pid: child.pid ?? 0, started, ended, signal: (signal) => void child.kill(signal) }
}
