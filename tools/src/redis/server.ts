import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Keeper, type KeptProcess, startKeeper } from '../servers/keeping.ts'
import { freePort } from '../servers/ports.ts'
import { endProcess, onFreePorts, untilReady } from '../servers/processes.ts'
import { temporaryFolder } from '../servers/temporary.ts'
import { findRedis } from './software.ts'

/** How to start a Redis. */
export interface RedisOptions {
  /** Who may use it. Default: everybody. */
  readonly login?: RedisLogin
}

/** A user and his password, of letters and digits. */
export interface RedisLogin {
  readonly username: string
  readonly password: string
}

/** A Redis on 127.0.0.1 that keeps nothing over its end; ends with its block, and with this process. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Of the process that runs now, or ran last. */
  readonly pid: number
  readonly isRunning: boolean
  /** Kills it as the system does when memory runs out, and resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. Resolves when it serves. */
  start(): Promise<void>
  /** Freezes it, as a machine does that swaps or is moved: its connections stay, and nothing answers. */
  pause(): void
  resume(): void
  /** Ends it for good and removes its files. */
  stop(): Promise<void>
}

const readyText = 'Ready to accept connections'

/**
 * Starts a real Redis.
 *
 * @throws RedisUnavailableError when it cannot run on this machine; ServerStartError with what it wrote
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = await findRedis()
  return onFreePorts(() => startOn(command, options))
}

async function startOn(command: string, { login }: RedisOptions): Promise<RedisServer> {
  const directory = await temporaryFolder('millrace-redis-')
  const keeper = startKeeper({ remove: [directory] })
  try {
    const port = await freePort()
    const file = join(directory, 'redis.conf')
    // It may have a password.
    await writeFile(file, settings(directory, port, login), { mode: 0o600 })
    const process = new RedisProcess(keeper, { command, arguments: [file], directory })
    await process.start()
    const url = `redis://${login ? `${login.username}:${login.password}@` : ''}127.0.0.1:${port}`
    return serverOf(process, keeper, { url, port })
  } catch (error) {
    await keeper.close()
    throw error
  }
}

function settings(directory: string, port: number, login: RedisLogin | undefined): string {
  const users = login ? ['user default off', `user ${login.username} on >${login.password} ~* &* +@all`] : []
  const lines = ['bind 127.0.0.1', `port ${port}`, `dir ${directory}`, 'save ""', 'appendonly no', ...users]
  return `${lines.join('\n')}\n`
}

function serverOf(process: RedisProcess, keeper: Keeper, address: Pick<RedisServer, 'url' | 'port'>): RedisServer {
  return {
    ...address,
    get pid() {
      return process.pid
    },
    get isRunning() {
      return process.isRunning
    },
    kill: () => process.kill(),
    start: () => process.start(),
    pause: () => process.signal('SIGSTOP'),
    resume: () => process.signal('SIGCONT'),
    stop: () => keeper.close(),
    [Symbol.asyncDispose]: () => keeper.close(),
  }
}

interface Program {
  readonly command: string
  readonly arguments: readonly string[]
  readonly directory: string
}

/** A process that can be killed and started again. */
class RedisProcess {
  readonly #keeper: Keeper
  readonly #program: Program
  #current: KeptProcess | undefined
  #pid = 0

  constructor(keeper: Keeper, program: Program) {
    this.#keeper = keeper
    this.#program = program
  }

  get pid(): number {
    return this.#pid
  }

  get isRunning(): boolean {
    return this.#current !== undefined
  }

  async start(): Promise<void> {
    if (this.#current) return
    const started = await this.#keeper.start({ ...this.#program, isRead: true, readyText })
    this.#pid = started.pid
    this.#current = started
    void started.exited.then(() => {
      if (this.#current === started) this.#current = undefined
    })
    await untilReady(started, 'Redis', started.ready)
  }

  signal(signal: NodeJS.Signals): void {
    this.#current?.signal(signal)
  }

  async kill(): Promise<void> {
    if (this.#current) await endProcess(this.#current, 'SIGKILL')
  }
}
