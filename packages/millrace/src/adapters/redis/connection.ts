import { createClient } from 'redis'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { waitFor, within } from '../../core/wait.ts'
import type { RedisConfig } from './config.ts'

/** A client of the library, connected. */
export type RedisClient = ReturnType<typeof createClient>

/** What a connection is for. */
export interface ConnectionOptions {
  readonly config: RedisConfig
  /** What the app does without it, for the log. */
  readonly meanwhile: string
  /** Is done first of all in each session. Where it fails, the session ends. */
  readonly opened?: (client: RedisClient) => Promise<void>
  /** A session has ended, or did not come to be. */
  readonly closed?: () => void
}

/** For all of connecting: name, handshake, password, what is done first. */
const openWithinMs = 5_000
const pingEveryMs = 2_000
const answerWithinMs = 3_000
/** A start does not wait for longer than that. */
const startWithinMs = 1_000
const firstPauseMs = 50
const longestPauseMs = 2_000
/** A session that lasted for so long is no reason to wait before the next one. */
const steadyMs = 1_000

/** A connection to Redis, which is made again whenever it is lost, for as long as it takes. */
export class RedisConnection {
  readonly #options: ConnectionOptions
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  readonly #tried = Promise.withResolvers<void>()
  #client: RedisClient | undefined
  /** Ends the session under way. */
  #end: (error: unknown) => void = () => {}
  #running: Promise<void> | undefined
  #problem: string | undefined = 'it is not connected yet'
  #isReported = false
  #losses = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#logger = options.config.logger.child({ part: 'redis' })
  }

  /** The client of the session, connected; undefined while there is none. */
  get client(): RedisClient | undefined {
    return this.#client
  }

  /** Why there is no session. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** How many sessions have ended that nobody wanted to end. */
  get losses(): number {
    return this.#losses
  }

  /** Resolves when it is connected, or soon without. */
  async start(): Promise<void> {
    this.#running = this.#run()
    await within(startWithinMs, () => this.#tried.promise)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#end(undefined)
    await this.#running
  }

  /** Ends the session: the next one may do better. */
  drop(error: unknown): void {
    this.#end(error)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let pauseMs = firstPauseMs
    while (!signal.aborted) {
      const lastedMs = await this.#session()
      this.#tried.resolve()
      pauseMs = lastedMs >= steadyMs ? firstPauseMs : Math.min(2 * pauseMs, longestPauseMs)
      await waitFor(pauseMs * (0.5 + Math.random()), signal)
    }
  }

  /** One session, on a client of its own: nothing is left of the one before. Answers how long it lasted. */
  async #session(): Promise<number> {
    const client = createClient(this.#options.config.client)
    const over = new AbortController()
    const ended = new Promise<unknown>((resolve) => {
      this.#end = resolve
      client.on('error', resolve).on('end', () => resolve(new Error('the connection was closed')))
    })
    const failure = ended.then((error) => Promise.reject(error))
    let openedAt = Number.POSITIVE_INFINITY
    try {
      await Promise.race([this.#open(client, over.signal), failure])
      openedAt = performance.now()
      this.#begun()
      await Promise.race([this.#watch(client, over.signal), failure])
    } catch (error) {
      this.#failed(error, openedAt < Number.POSITIVE_INFINITY)
    }
    over.abort()
    client.destroy()
    return Math.max(0, performance.now() - openedAt)
  }

  async #open(client: RedisClient, over: AbortSignal): Promise<void> {
    const isOpen = await within(openWithinMs, async () => {
      await client.connect()
      // A client that was destroyed while it connected stays connected.
      if (over.aborted) return client.destroy()
      this.#client = client
      await this.#options.opened?.(client)
    })
    if (!isOpen) throw new Error(`no answer within ${openWithinMs} ms`)
  }

  /** Neither a server that is frozen nor a network that loses everything closes a connection. */
  async #watch(client: RedisClient, over: AbortSignal): Promise<void> {
    for (;;) {
      await waitFor(pingEveryMs, over)
      if (over.aborted) return
      if (!(await within(answerWithinMs, async () => void (await client.ping())))) {
        throw new Error(`no answer within ${answerWithinMs} ms`)
      }
    }
  }

  #begun(): void {
    this.#problem = undefined
    this.#tried.resolve()
    if (this.#isReported) this.#logger.info({}, 'Redis is there again')
    this.#isReported = false
  }

  #failed(error: unknown, hadBegun: boolean): void {
    this.#client = undefined
    this.#options.closed?.()
    if (this.#stopping.signal.aborted) return
    if (hadBegun) this.#losses += 1
    this.#problem = messageOf(error)
    if (this.#isReported) return
    this.#isReported = true
    this.#logger.warn({ problem: this.#problem }, `Redis is away, and is tried again: ${this.#options.meanwhile}`)
  }
}
