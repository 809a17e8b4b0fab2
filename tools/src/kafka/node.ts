import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Keeper, KeptProcess } from '../servers/keeping.ts'
import { endProcess, untilReady } from '../servers/processes.ts'
import { type Broker, brokersKnownAt } from './metadata.ts'
import { type NodeSettings, serverProperties } from './settings.ts'

/** A node of a cluster, broker and controller in one process. */
export interface KafkaNode {
  readonly id: number
  /** Of its listener for clients, on 127.0.0.1. */
  readonly port: number
  /** Of its secure listener, if it has one. */
  readonly securePort: number | undefined
  /** Of its listener for a proxy, if it has one: where the proxy is to lead. */
  readonly proxiedPort: number | undefined
  /** Of the Java process that runs now, or ran last. */
  readonly pid: number
  readonly isRunning: boolean
  /** The file it logs to; the one before has `.1` at its end. */
  readonly logFile: string
  /** Kills it as the system does when memory runs out, and resolves when it is gone. */
  kill(): Promise<void>
  /** Shuts it down: it hands its partitions over. Resolves when it is gone, killed if that takes long. */
  stop(): Promise<void>
  /** Starts it again, on the same ports and data. Resolves when it serves. */
  start(): Promise<void>
  /** Freezes it, as a machine does that swaps or is moved: its connections stay, and nothing answers. */
  pause(): void
  resume(): void
}

/** What a node is run with. */
export interface NodeOrder {
  readonly keeper: Keeper
  /** Has the node's settings, log and data. */
  readonly directory: string
  readonly settings: NodeSettings
  readonly java: string
  /** All arguments of Java but the last, which is the file with the settings. */
  readonly javaArguments: (logFile: string) => readonly string[]
}

/** A node, and what its cluster needs of it besides. */
export interface ManagedNode extends KafkaNode {
  /** Resolves when it knows so many brokers, itself among them. */
  knows(brokers: number): Promise<void>
}

const readyText = 'Kafka Server started'
const pollMs = 20

/** A node that is not running yet. */
export function createNode(order: NodeOrder): ManagedNode {
  const { id, ports } = order.settings
  const name = `Kafka's node ${id}`
  const logFile = join(order.directory, 'server.log')
  let current: KeptProcess | undefined
  let pid = 0
  const launch = async (): Promise<KeptProcess> => {
    const launched = await startProcess(order, logFile)
    pid = launched.pid
    current = launched
    void launched.exited.then(() => {
      if (current === launched) current = undefined
    })
    return launched
  }
  const known = (process: KeptProcess, brokers: number) =>
    untilKnown(ports.client, id, brokers, () => current === process)
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (current) await endProcess(current, signal)
  }
  return {
    id,
    port: ports.client,
    securePort: ports.secure,
    proxiedPort: ports.proxied?.port,
    logFile,
    get pid() {
      return pid
    },
    get isRunning() {
      return current !== undefined
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    start: async () => {
      if (current) return
      const launched = await launch()
      await untilReady(
        launched,
        name,
        launched.ready.then(() => known(launched, 1)),
      )
    },
    pause: () => current?.signal('SIGSTOP'),
    resume: () => current?.signal('SIGCONT'),
    knows: async (brokers) => {
      if (current) await untilReady(current, name, known(current, brokers))
    },
  }
}

async function startProcess(order: NodeOrder, logFile: string): Promise<KeptProcess> {
  const file = join(order.directory, 'server.properties')
  await mkdir(order.directory, { recursive: true, mode: 0o700 })
  // It has passwords.
  await writeFile(file, serverProperties(order.settings), { mode: 0o600 })
  return order.keeper.start({
    command: order.java,
    arguments: [...order.javaArguments(logFile), 'kafka.Kafka', file],
    directory: order.directory,
    isRead: true,
    readyText,
  })
}

/**
 * Resolves when the node knows so many brokers, itself among them, or has ended. Starting says that a node serves;
 * that it is known may take a moment more.
 */
async function untilKnown(port: number, id: number, brokers: number, isRunning: () => boolean): Promise<void> {
  while (isRunning()) {
    const known = await brokersKnownAt(port).catch((): Broker[] => [])
    if (known.length >= brokers && known.some((broker) => broker.id === id)) return
    await delay(pollMs)
  }
}
