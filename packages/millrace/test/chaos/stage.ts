import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, type KafkaCluster, startKafka } from '@millrace/tools/kafka'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { RestartablePostgres } from '../faults/restartable-postgres.ts'
import { until } from '../faults/until.ts'
import { AppSlot } from './app-slot.ts'
import type { ChaosOptions } from './options.ts'

/** What operators' requests to the apps bear. */
const adminToken = 'chaos-run-operator'
const startsWithinMs = 60_000

/** Kafka with a proxy in front of each of its brokers, by which apps find it. */
interface ProxiedKafka {
  readonly cluster: KafkaCluster
  readonly proxies: readonly TcpProxy[]
}

/** Everything that runs: servers, the network between, and apps; ends with its block. */
export class Stage implements AsyncDisposable {
  readonly postgres: RestartablePostgres
  /** The last one is the one that comes and goes. */
  readonly apps: readonly AppSlot[]
  /** Has what each app has logged. */
  readonly logFolder: string
  readonly #kafka: ProxiedKafka | undefined
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: Pick<Stage, 'postgres' | 'apps' | 'logFolder'>,
    kafka: ProxiedKafka | undefined,
    stack: AsyncDisposableStack,
  ) {
    this.postgres = parts.postgres
    this.apps = parts.apps
    this.logFolder = parts.logFolder
    this.#kafka = kafka
    this.#stack = stack
  }

  /** Starts the servers; no app yet. */
  static async open(options: ChaosOptions, say: (text: string) => void): Promise<Stage> {
    await using stack = new AsyncDisposableStack()
    const kafka = options.broker === 'kafka' ? await openKafka(options.brokers, stack) : undefined
    const postgres = stack.use(await RestartablePostgres.start())
    const logFolder = await mkdtemp(join(tmpdir(), `millrace-chaos-${options.seed}-`))
    const settings = {
      seed: options.seed,
      kafkaBrokers: kafka?.cluster.proxied?.bootstrap.split(',') ?? [],
      adminToken,
      sabotage: options.sabotage,
    }
    const apps: AppSlot[] = []
    for (let nth = 1; nth <= options.apps + 1; nth += 1) {
      const database = stack.use(await TcpProxy.listen(Number(new URL(postgres.url).port)))
      const databaseUrl = throughProxy(postgres.url, database)
      const logFile = join(logFolder, `app-${nth}.log`)
      const slot = new AppSlot({ name: `app ${nth}`, settings: { ...settings, databaseUrl }, database, logFile, say })
      stack.defer(() => slot.kill())
      apps.push(slot)
    }
    return new Stage({ postgres, apps, logFolder }, kafka, stack.move())
  }

  /** The apps that are there all the time, but for faults. */
  get steadyApps(): readonly AppSlot[] {
    return this.apps.slice(0, -1)
  }

  get visitor(): AppSlot {
    return this.app(this.apps.length - 1)
  }

  app(nth: number): AppSlot {
    return found(this.apps[nth], `app ${nth}`)
  }

  /** Where Kafka is, past the proxies; empty where there is none. */
  get kafkaBrokers(): readonly string[] {
    return this.#kafka?.cluster.bootstrap.split(',') ?? []
  }

  kafkaNode(nth: number): KafkaCluster['brokers'][number] {
    return found(this.#kafka?.cluster.brokers[nth], `broker ${nth}`)
  }

  kafkaLink(nth: number): TcpProxy {
    return found(this.#kafka?.proxies[nth], `link to broker ${nth}`)
  }

  /** Where requests are taken at the moment. */
  get urls(): readonly string[] {
    return this.apps.flatMap(({ url }) => url ?? [])
  }

  get adminToken(): string {
    return adminToken
  }

  /** What no fault has asked for. */
  get incidents(): readonly string[] {
    return this.apps.flatMap(({ incidents }) => incidents)
  }

  /** @throws when one ends before it has started: nothing has been broken yet */
  async startApps(): Promise<void> {
    for (const slot of this.steadyApps) slot.start()
    const failed = () => this.steadyApps.find(({ failedStarts }) => failedStarts > 0)
    await until('all apps take requests', () => failed() !== undefined || this.isWhole, startsWithinMs)
    const slot = failed()
    if (slot) throw new Error(`${slot.name} did not start: see ${this.logFolder}`)
  }

  /** Whether all apps that are to be there take requests. */
  get isWhole(): boolean {
    return this.steadyApps.every(({ url }) => url !== undefined)
  }

  async removeLogs(): Promise<void> {
    await rm(this.logFolder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

async function openKafka(brokers: 1 | 3, stack: AsyncDisposableStack): Promise<ProxiedKafka> {
  const ports = await freePorts(brokers)
  const cluster = stack.use(await startKafka({ brokers, proxyPorts: ports }))
  const proxies: TcpProxy[] = []
  for (const [nth, { proxiedPort = 0 }] of cluster.brokers.entries()) {
    proxies.push(stack.use(await TcpProxy.listen(proxiedPort, ports[nth])))
  }
  return { cluster, proxies }
}

function throughProxy(address: string, proxy: TcpProxy): string {
  const url = new URL(address)
  url.port = String(proxy.port)
  return url.href
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`)
  return value
}
