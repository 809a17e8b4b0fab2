import { kafkaUnavailable } from '@millrace/tools/kafka'
import { messageOf } from '../../src/index.ts'
import { type ChaosOptions, commandFor, readOptions, usage } from './options.ts'
import { report } from './report.ts'
import { runChaos } from './run.ts'

const say = (text: string) => process.stdout.write(`${text}\n`)

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort())

/** Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options) return run(options)
  say(usage)
  return 0
}

async function run(options: ChaosOptions): Promise<number> {
  const reason = options.broker === 'kafka' ? await kafkaUnavailable() : undefined
  if (reason !== undefined) throw new Error(reason)
  say(commandFor(options))
  const verdict = await runChaos(options, say, interrupt.signal)
  say(`\n${report(options, verdict)}`)
  return verdict.errors > 0 ? 1 : 0
}

/** An error with its causes, a line each. */
function told(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `\n  ${told(error.cause)}` : ''
  return `${messageOf(error)}${cause}`
}

const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${told(error)}\n`)
  return 1
})
// Not by itself: Node 26 stays for ever in its last clean-up after some connections were reset.
process.exit(code)
