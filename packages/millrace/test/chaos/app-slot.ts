import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from '@millrace/tools/tcp-proxy'
import type { AppSettings } from './app.ts'
import { type AppProcess, launchApp } from './app-process.ts'

/** What a slot is made with. */
export interface SlotOptions {
  readonly name: string
  readonly settings: AppSettings
  /** Between the app and the database. */
  readonly database: TcpProxy
  readonly logFile: string
  readonly say: (text: string) => void
}

/** A process that was told to end in order, and did not in this time, hangs. */
const endsWithinMs = 60_000
const restartAfterMs = 300

/**
 * The place of one app process, as an orchestrator has it: while one is wanted, it is started again whenever it ends.
 * What no fault has asked for is noted as {@link AppSlot.incidents}.
 */
export class AppSlot {
  readonly incidents: string[] = []
  /** Processes that ended before they took requests, unasked: with a fault about, that may be. */
  failedStarts = 0
  readonly #options: SlotOptions
  #isWanted = false
  #process: AppProcess | undefined
  #url: string | undefined
  #supervising: Promise<void> | undefined

  constructor(options: SlotOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get database(): TcpProxy {
    return this.#options.database
  }

  /** Where it takes requests; undefined while it does not. */
  get url(): string | undefined {
    return this.#url
  }

  /** From now on there is to be a process. */
  start(): void {
    this.#isWanted = true
    this.#supervising ??= this.#supervise()
  }

  /** Kills the process as the system does when memory runs out; none follows until {@link start}. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Tells the process to end in order; none follows until {@link start}. */
  async stop(): Promise<void> {
    const patience = new AbortController()
    const late = delay(endsWithinMs, undefined, { signal: patience.signal }).then(
      () => this.#onHang(),
      () => {},
    )
    await this.#end('SIGTERM')
    patience.abort()
    await late
  }

  /** Stops the process where it stands. */
  pause(): void {
    this.#process?.signal('SIGSTOP')
  }

  resume(): void {
    this.#process?.signal('SIGCONT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false
    this.#url = undefined
    this.#process?.signal(signal)
    await this.#supervising
  }

  #onHang(): void {
    this.incidents.push(`${this.name} did not end within ${endsWithinMs / 1_000} s of SIGTERM`)
    this.#process?.signal('SIGKILL')
  }

  async #supervise(): Promise<void> {
    while (this.#isWanted) {
      await this.#runOnce()
      if (this.#isWanted) await delay(restartAfterMs)
    }
    this.#supervising = undefined
  }

  async #runOnce(): Promise<void> {
    const { settings, logFile, say, name } = this.#options
    const launched = launchApp(settings, logFile)
    this.#process = launched
    const url = await launched.started
    if (url !== undefined && this.#isWanted) {
      this.#url = url
      say(`${name} takes requests (pid ${launched.pid})`)
    }
    const how = await launched.ended
    this.#process = undefined
    this.#url = undefined
    if (!this.#isWanted) return
    say(`${name} ended with ${how}${url === undefined ? ' before it had started' : ''}`)
    if (url === undefined) this.failedStarts += 1
    else this.incidents.push(`${name} ended with ${how}, unasked`)
  }
}
