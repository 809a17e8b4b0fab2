import { kafkaUnavailable } from '@millrace/tools/kafka'
import { type ChaosOptions, commandFor, readOptions, usage } from './options.ts'
import { report } from './report.ts'
import { runChaos } from './run.ts'

const options = read()
if (options) await run(options)
else console.log(usage)

function read(): ChaosOptions | undefined {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

async function run(options: ChaosOptions): Promise<void> {
  console.log(commandFor(options))
  const reason = options.broker === 'kafka' ? await kafkaUnavailable() : undefined
  if (reason !== undefined) throw new Error(reason)
  const verdict = await runChaos(options, console.log)
  console.log(`\n${report(options, verdict)}`)
  if (verdict.errors > 0) process.exitCode = 1
  setTimeout(()=>console.log(process.getActiveResourcesInfo()),500).unref()
}
