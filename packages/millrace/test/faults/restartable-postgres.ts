import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/adapters/embedded-postgres/index.ts'
import { temporaryRoot } from '../../src/testing/database.ts'

/** A PostgreSQL server of a test's own, which can go and come back at the same address; ends with its block. */
export class RestartablePostgres implements AsyncDisposable {
  readonly #directory: string
  readonly #door: Door
  /** Of its own, as topics and groups of the apps on it are named after it on a Kafka that tests share. */
  readonly #database = `faults_${randomUUID().replaceAll('-', '')}`
  #server: EmbeddedPostgres | undefined

  private constructor(directory: string, door: Door) {
    this.#directory = directory
    this.#door = door
  }

  static async start(): Promise<RestartablePostgres> {
    const directory = await mkdtemp(join(await temporaryRoot(), 'millrace-faults-'))
    // As root the server runs as another user, who has to pass here.
    await chmod(directory, 0o711)
    const postgres = new RestartablePostgres(directory, await Door.open())
    await postgres.start()
    return postgres
  }

  /** Its address, whichever port the server has. */
  get url(): string {
    const url = new URL(this.#server?.url ?? '')
    url.port = String(this.#door.port)
    return url.href
  }

  async start(): Promise<void> {
    this.#server = await startEmbeddedPostgres({
      directory: this.#directory,
      database: this.#database,
      durable: false,
      // What was acknowledged must survive the server, though not the machine.
      settings: { synchronous_commit: 'on', max_wal_size: '256MB' },
    })
    this.#door.leadTo(Number(new URL(this.#server.url).port))
  }

  /** Ends all connections, then the server. */
  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  /** Kills the server's main process; its others end when they notice. */
  crash(): void {
    if (this.#server) process.kill(this.#server.pid, 'SIGKILL')
  }

  /** From now on nothing passes, either way, and nothing says so: as if a cable had been pulled. */
  cut(): void {
    this.#door.pass(false)
  }

  /** What was held up passes, and all that comes. */
  mend(): void {
    this.#door.pass(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#door.close()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Passes connections on to a port that may change. */
class Door {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target = 0
  #passes = true

  private constructor() {
    this.#server = createServer((socket) => this.#connect(socket))
  }

  static async open(): Promise<Door> {
    const door = new Door()
    door.#server.listen(0, '127.0.0.1')
    await once(door.#server, 'listening')
    return door
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  leadTo(port: number): void {
    this.#target = port
  }

  /** Whether what is written at one end comes out at the other. */
  pass(passes: boolean): void {
    this.#passes = passes
    for (const socket of this.#sockets) {
      if (passes) socket.resume()
      else socket.pause()
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #connect(outer: Socket): void {
    const inner = connect(this.#target, '127.0.0.1')
    for (const [one, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      this.#sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.on('data', (chunk) => other.write(chunk))
      if (!this.#passes) one.pause()
    }
  }
}
