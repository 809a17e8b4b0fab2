import { parseArgs } from 'node:util'
import { type KafkaTool, kafkaTools } from './tool.ts'

/** What `npm run kafka` is asked for. */
export type KafkaOrder =
  | { readonly do: 'help' }
  | { readonly do: 'run'; readonly options: RunOptions }
  | { readonly do: 'tool'; readonly tool: KafkaTool; readonly args: readonly string[] }

/** How to run Kafka until it is interrupted. */
export interface RunOptions {
  readonly port: number
  readonly brokers: 1 | 3
  readonly secure: boolean
  /** The port of the registry, if there is to be one. */
  readonly registryPort: number | undefined
  readonly directory: string
}

const defaultPort = 9092
const defaultRegistryPort = 8081

/** What `--help` prints. */
export const usage = `npm run kafka -- [options]
  Runs a real Kafka on 127.0.0.1 until it is interrupted, by Java 17 or newer and Maven.

  --port N            the first broker's port; ${defaultPort} by default
  --brokers N         1 (the default) or 3
  --secure            listeners with TLS and SASL, too, on the ports that follow
  --registry          a schema registry, too
  --registry-port N   its port; ${defaultRegistryPort} by default
  --data DIR          where the data is kept; .millrace/kafka by default, .millrace/kafka-3 for three brokers
  --help              this text

npm run kafka -- TOOL [--port N] [options of the tool]
  Runs one of Kafka's own tools against it, or against --bootstrap-server.
  TOOL: ${Object.keys(kafkaTools).join(', ')}
  For example: npm run kafka -- topics --list
`

/** @throws Error when the arguments cannot be understood */
export function readOptions(args: readonly string[]): KafkaOrder {
  const [first, ...rest] = args
  if (first !== undefined && !first.startsWith('-')) return { do: 'tool', ...readTool(first, rest) }
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: String(defaultPort) },
      brokers: { type: 'string', default: '1' },
      secure: { type: 'boolean', default: false },
      registry: { type: 'boolean', default: false },
      'registry-port': { type: 'string', default: String(defaultRegistryPort) },
      data: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return { do: 'help' }
  const brokers = readBrokers(values.brokers)
  const options = {
    port: readPort('--port', values.port),
    brokers,
    secure: values.secure,
    registryPort: values.registry ? readPort('--registry-port', values['registry-port']) : undefined,
    directory: values.data ?? (brokers === 1 ? '.millrace/kafka' : '.millrace/kafka-3'),
  }
  return { do: 'run', options }
}

/** `--port` is ours; all other options are the tool's, which needs to be told where Kafka is. */
function readTool(name: string, rest: readonly string[]): { tool: KafkaTool; args: string[] } {
  if (!isTool(name)) throw new Error(`There is no tool ${name}; there are ${Object.keys(kafkaTools).join(', ')}.`)
  const args = [...rest]
  const at = args.indexOf('--port')
  const [, given] = at < 0 ? [] : args.splice(at, 2)
  const port = at < 0 ? defaultPort : readPort('--port', given ?? '')
  const isAddressed = args.some((arg) => /^--(bootstrap-(server|controller)|help|version)\b/.test(arg))
  return { tool: name, args: isAddressed ? args : [...args, '--bootstrap-server', `127.0.0.1:${port}`] }
}

function isTool(name: string): name is KafkaTool {
  return Object.hasOwn(kafkaTools, name)
}

function readBrokers(text: string): 1 | 3 {
  if (text === '1') return 1
  if (text === '3') return 3
  throw new Error(`--brokers takes 1 or 3, not ${text}.`)
}

function readPort(option: string, text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new Error(`${option} takes a port, not ${text}.`)
}
