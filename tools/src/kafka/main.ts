import { join, relative } from 'node:path'
import { startKeeper } from '../servers/keeping.ts'
import type { KafkaCluster, KafkaSecurity } from './cluster.ts'
import { type KafkaOrder, type RunOptions, readOptions, usage } from './options.ts'
import { type SchemaRegistry, startRegistry } from './registry.ts'
import { startKafka } from './start.ts'
import { type KafkaTool, startTool } from './tool.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

try {
  await execute(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function execute(order: KafkaOrder): Promise<void> {
  if (order.do === 'help') console.log(usage)
  else if (order.do === 'tool') await runTool(order.tool, order.args)
  else await run(order.options)
}

async function run({ registryPort, ...options }: RunOptions): Promise<void> {
  const { promise: interrupted, resolve } = Promise.withResolvers<void>()
  // One interrupt may come twice, from the terminal and from npm: all after the first are for nothing.
  for (const signal of signals) process.on(signal, () => resolve())
  console.error('Starting Kafka; the first time, Maven fetches it.')
  await using kafka = await startKafka({ ...options, heap: '512m' })
  await using registry = await startRegistryAt(registryPort, join(options.directory, 'registry'))
  console.log(report(kafka, registry))
  await interrupted
  console.error('Stopping Kafka.')
}

async function startRegistryAt(port: number | undefined, directory: string): Promise<SchemaRegistry | undefined> {
  return port === undefined ? undefined : startRegistry({ port, directory })
}

/** What to set, in the form of a file with variables. */
function report(kafka: KafkaCluster, registry: SchemaRegistry | undefined): string {
  const count = kafka.brokers.length === 1 ? 'one broker' : `${kafka.brokers.length} brokers`
  return [
    `# Kafka is ready: ${count}, the data in ${relative('', kafka.directory)}. An interrupt stops it.`,
    `KAFKA_BROKERS=${kafka.bootstrap}`,
    ...(registry ? [`SCHEMA_REGISTRY_URL=${registry.url}`] : []),
    ...(kafka.secure ? secureLines(kafka.secure) : []),
  ].join('\n')
}

function secureLines({ bootstrap, caFile, username, password, mechanisms, clientFile }: KafkaSecurity): string[] {
  return [
    '# The same with TLS and SASL:',
    `KAFKA_BROKERS=${bootstrap}`,
    'KAFKA_SSL=true',
    `KAFKA_SSL_CA=${caFile}`,
    `KAFKA_SASL_MECHANISM=${mechanisms.at(-1)}`,
    `KAFKA_SASL_USERNAME=${username}`,
    `KAFKA_SASL_PASSWORD=${password}`,
    `# Kafka's tools: --bootstrap-server ${bootstrap} --command-config ${clientFile}`,
  ]
}

/** Runs a tool on the terminal, and ends with its status. */
async function runTool(tool: KafkaTool, args: readonly string[]): Promise<void> {
  await using keeper = startKeeper({ stdio: 'inherit' })
  const running = await startTool(keeper, tool, args)
  for (const signal of signals) process.on(signal, () => running.signal(signal))
  const { code } = await running.exited
  process.exitCode = code ?? 1
}
