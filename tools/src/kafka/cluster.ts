import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Keeper, startKeeper } from '../servers/keeping.ts'
import { takeLock } from '../servers/lock.ts'
import { freePorts, untilFree } from '../servers/ports.ts'
import { temporaryFolder } from '../servers/temporary.ts'
import { createNode, type KafkaNode, type ManagedNode } from './node.ts'
import { mechanisms, type NodePorts } from './settings.ts'
import type { Software } from './software.ts'
import { type ClientSecurity, copyTemplate, randomId, readSecurity, templateFiles, username } from './template.ts'

/** How to start a Kafka. */
export interface KafkaOptions {
  /** @default 1 */
  readonly brokers?: 1 | 3
  /**
   * Has the data, and keeps it for the next start with the same number of brokers.
   *
   * @default a new temporary folder, removed at the end
   */
  readonly directory?: string
  /** Of the first broker; the others follow, then the secure listeners. @default free ones */
  readonly port?: number
  /** Whether there are listeners with TLS and SASL, too. @default false */
  readonly secure?: boolean
  /**
   * Ports of 127.0.0.1 of proxies that lead to the brokers, one for each broker. A client that connects through a
   * proxy is told the proxies' addresses; see {@link KafkaCluster.proxied}.
   */
  readonly proxyPorts?: readonly number[]
  /** More settings of Kafka's, for all nodes. */
  readonly settings?: Readonly<Record<string, string>>
  /** What Java may use for each node's objects, as `-Xmx` takes it. @default '256m' */
  readonly heap?: string
}

/** A Kafka that lives as long as this process, at most. */
export interface KafkaCluster extends AsyncDisposable {
  /** `127.0.0.1:port,…` */
  readonly bootstrap: string
  /** The secure listeners, when they were asked for. */
  readonly secure: KafkaSecurity | undefined
  /**
   * The listeners for proxies, when those were asked for: a proxy at `proxyPorts[n]` is to lead to
   * `brokers[n].proxiedPort`. This is where clients find the proxies.
   */
  readonly proxied: { readonly bootstrap: string } | undefined
  readonly brokers: readonly KafkaNode[]
  /** The folder with its data and logs. */
  readonly directory: string
  /** Ends all nodes, in order when the data is kept. Resolves when they are gone; a second call joins the first. */
  stop(): Promise<void>
}

/** The secure listeners, and what a client needs for them. */
export interface KafkaSecurity extends ClientSecurity {
  /** `127.0.0.1:port,…`; the certificate is also for `localhost`. */
  readonly bootstrap: string
  readonly mechanisms: readonly string[]
}

// One whose owner was killed just now needs a moment to go.
const directoryFreeWithinMs = 2_000

/** Starts a Kafka from software that is there, on ports that are free now. */
export async function startCluster(options: KafkaOptions, software: Software): Promise<KafkaCluster> {
  const count = options.brokers ?? 1
  const ports = await choosePorts(count, options)
  const isTemporary = options.directory === undefined
  const directory = options.directory ? resolve(options.directory) : await temporaryFolder('millrace-kafka-')
  const keeper = startKeeper({ remove: isTemporary ? [directory] : [] })
  try {
    await ownDirectory(directory, keeper)
    await prepareDirectory(directory, count, software.template)
    const security = await readSecurity(join(directory, 'security'))
    const nodes = createNodes({ options, software, keeper, directory, ports, password: security.password })
    await startAll(nodes)
    const stop = once(() => stopAll(nodes, keeper, isTemporary))
    return { ...addressesOf(options, ports, security), brokers: nodes, directory, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await keeper.close()
    throw error
  }
}

function addressesOf(options: KafkaOptions, ports: readonly NodePorts[], security: ClientSecurity) {
  const addresses = (portOf: (ports: NodePorts) => number | undefined) =>
    ports.map((node) => `127.0.0.1:${portOf(node)}`).join(',')
  const secure = { bootstrap: addresses((node) => node.secure), ...security, mechanisms }
  const proxied = { bootstrap: addresses((node) => node.proxied?.advertised) }
  return {
    bootstrap: addresses((node) => node.client),
    secure: options.secure ? secure : undefined,
    proxied: options.proxyPorts ? proxied : undefined,
  }
}

async function choosePorts(count: number, { port, secure, proxyPorts }: KafkaOptions): Promise<NodePorts[]> {
  if (proxyPorts && proxyPorts.length !== count) {
    throw new Error(`A cluster of ${count} needs ${count} proxyPorts, and was given ${proxyPorts.length}.`)
  }
  const given = port === undefined ? [] : Array.from({ length: count * (secure ? 2 : 1) }, (_, n) => port + n)
  await untilFree(given)
  const free = await freePorts(4 * count, [...given, ...(proxyPorts ?? [])])
  const pick = (kind: number, n: number) => free[kind * count + n] ?? 0
  return Array.from({ length: count }, (_, n) => ({
    client: given[n] ?? pick(0, n),
    controller: pick(1, n),
    secure: secure ? (given[count + n] ?? pick(2, n)) : undefined,
    proxied: proxyPorts && { port: pick(3, n), advertised: proxyPorts[n] ?? 0 },
  }))
}

/**
 * Two Kafkas on the same data would damage it: their own lock comes too late. The keeper is the owner, as it is the
 * last to go; after it, the lock is void.
 */
async function ownDirectory(directory: string, keeper: Keeper): Promise<void> {
  await mkdir(directory, { recursive: true })
  const owner = keeper.process.pid ?? process.pid
  try {
    await takeLock(join(directory, 'owner'), { owner, withinMs: directoryFreeWithinMs })
  } catch (error) {
    throw new Error(`${directory} is in use by another Kafka. ${(error as Error).message}`)
  }
}

interface ClusterFile {
  readonly clusterId: string
  readonly brokers: number
}

/** Makes the cluster's folder where it is new. What says that it is there is written last. */
async function prepareDirectory(directory: string, brokers: number, template: string): Promise<void> {
  const file = join(directory, 'cluster.json')
  const found = await readFile(file, 'utf8').catch(() => undefined)
  if (found !== undefined) return checkCluster(directory, JSON.parse(found), brokers)
  const security = join(directory, 'security')
  const clusterId = randomId()
  await copyTemplate(template, security)
  for (let id = 1; id <= brokers; id++) await format(dataOf(directory, id), id, clusterId, security)
  await writeFile(file, `${JSON.stringify({ clusterId, brokers } satisfies ClusterFile)}\n`)
}

function checkCluster(directory: string, found: ClusterFile, brokers: number): void {
  if (found.brokers === brokers) return
  throw new Error(
    `${directory} has the data of a Kafka of ${found.brokers}, and this is to be one of ${brokers}: use another directory, or remove it.`,
  )
}

/** What Kafka's own `format` does, without a run of Java for each node. */
async function format(data: string, id: number, clusterId: string, security: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 })
  const meta = ['version=1', `cluster.id=${clusterId}`, `node.id=${id}`, `directory.id=${randomId()}`]
  await writeFile(join(data, 'meta.properties'), `${meta.join('\n')}\n`)
  await writeFile(join(data, templateFiles.checkpoint), await readFile(join(security, templateFiles.checkpoint)))
}

function nodeFolder(directory: string, id: number): string {
  return join(directory, `node-${id}`)
}

function dataOf(directory: string, id: number): string {
  return join(nodeFolder(directory, id), 'data')
}

interface Plan {
  readonly options: KafkaOptions
  readonly software: Software
  readonly keeper: Keeper
  readonly directory: string
  readonly ports: readonly NodePorts[]
  readonly password: string
}

function createNodes({ options, software, keeper, directory, ports, password }: Plan): ManagedNode[] {
  const voters = ports.map(({ controller }, n) => `${n + 1}@127.0.0.1:${controller}`)
  const keystore = join(directory, 'security', templateFiles.keystore)
  const security = options.secure ? { keystore, username, password } : undefined
  return ports.map((own, n) =>
    createNode({
      keeper,
      directory: nodeFolder(directory, n + 1),
      java: software.java.command,
      javaArguments: (logFile) => brokerArguments(software, options.heap ?? '256m', logFile),
      settings: {
        id: n + 1,
        ports: own,
        data: dataOf(directory, n + 1),
        voters,
        security,
        extra: options.settings ?? {},
      },
    }),
  )
}

/** Java quick to start and small: no second compiler, no threads for the garbage. */
function brokerArguments({ classpath, javaOptions }: Software, heap: string, logFile: string): string[] {
  const size = ['-Xms128m', `-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData']
  const logging = join(import.meta.dirname, 'log4j2-broker.properties')
  const log = [`-Dlog4j2.configurationFile=${logging}`, `-Dmillrace.log=${logFile}`]
  return [...size, ...javaOptions, ...log, '-cp', classpath]
}

async function startAll(nodes: readonly ManagedNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()))
  await Promise.all(nodes.map((node) => node.knows(nodes.length)))
}

async function stopAll(nodes: readonly ManagedNode[], keeper: Keeper, isTemporary: boolean): Promise<void> {
  if (!isTemporary) await Promise.all(nodes.map((node) => node.stop()))
  await keeper.close()
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= work()
    return running
  }
}
