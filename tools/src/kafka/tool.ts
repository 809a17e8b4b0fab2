import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { type Keeper, type KeptProcess, startKeeper } from '../servers/keeping.ts'
import { kafkaClasspath } from './jars.ts'
import { findJava } from './java.ts'

/** Kafka's own tools, by the names that their scripts have in its distribution. */
export const kafkaTools = {
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  topics: 'org.apache.kafka.tools.TopicCommand',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  groups: 'org.apache.kafka.tools.GroupsCommand',
  configs: 'kafka.admin.ConfigCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
} as const

/** The name of one of {@link kafkaTools}. */
export type KafkaTool = keyof typeof kafkaTools

/** What a tool is given besides its arguments. */
export interface KafkaToolOptions {
  /** Its standard input. @default empty */
  readonly input?: string | Uint8Array
  /** After which it is killed. @default 60 s */
  readonly withinMs?: number
}

/** What a tool wrote. */
export interface KafkaToolOutput {
  readonly stdout: Buffer
  readonly stderr: string
}

/** A tool did not end well; the message has what it wrote. */
export class KafkaToolError extends Error {}

/**
 * Runs one of Kafka's own tools, as the other side of a test: what they understand is Kafka's.
 *
 * @param kafka whose listener without security the tool is to use; or the address
 * @param args without `--bootstrap-server`
 * @throws KafkaToolError when it does not end with success in time
 */
export async function runKafkaTool(
  kafka: { readonly bootstrap: string } | string,
  tool: KafkaTool,
  args: readonly string[],
  { input = '', withinMs = 60_000 }: KafkaToolOptions = {},
): Promise<KafkaToolOutput> {
  const keeper = startKeeper({ stdio: 'pipe' })
  const { stdin, stdout, stderr } = keeper.process
  if (!stdin || !stdout || !stderr) throw new Error('The keeper has no pipes.')
  // A tool may end without having read everything.
  stdin.on('error', () => {}).end(input)
  const written = Promise.all([buffer(stdout), text(stderr)])
  const bootstrap = typeof kafka === 'string' ? kafka : kafka.bootstrap
  const ended = await endOf(keeper, tool, [...args, '--bootstrap-server', bootstrap], withinMs)
  const [output, errors] = await written
  if (ended === 'success') return { stdout: output, stderr: errors }
  throw new KafkaToolError(`${tool} ${args.join(' ')} ended with ${ended}:\n${output}${errors}`)
}

async function endOf(keeper: Keeper, tool: KafkaTool, args: readonly string[], withinMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  try {
    const process = await startTool(keeper, tool, args)
    timer = setTimeout(() => process.signal('SIGKILL'), withinMs)
    const { code, reason } = await process.exited
    return code === 0 ? 'success' : reason
  } finally {
    clearTimeout(timer)
    await keeper.close()
  }
}

/** Starts a tool on the keeper's own standard streams. */
export async function startTool(keeper: Keeper, tool: KafkaTool, args: readonly string[]): Promise<KeptProcess> {
  const java = await findJava()
  const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2-tools.properties')}`
  const size = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData']
  return keeper.start({
    command: java.command,
    arguments: [...size, logging, '-cp', await kafkaClasspath(), kafkaTools[tool], ...args],
    directory: process.cwd(),
    isRead: false,
  })
}
