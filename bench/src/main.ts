import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { cases } from './cases/index.ts'
import type { BenchCase } from './harness/definition.ts'
import { kafkaFor } from './harness/kafka.ts'
import { type BenchOptions, readOptions, usage } from './harness/options.ts'
import { type Report, render, reportOn, shown } from './harness/report.ts'
import { runCase } from './harness/run-case.ts'
import { startServer } from './harness/server.ts'
import { serveSide } from './harness/side-process.ts'

const defaultRounds = 7
const checkout = resolve(import.meta.dirname, '../..')

async function main(options: BenchOptions): Promise<void> {
  const chosen = options.cases.map(caseNamed)
  const [first] = chosen
  if (!first) return list()
  if (options.side !== undefined) return serveSide(first, options.side)
  await using stack = new AsyncDisposableStack()
  // Kafka first: where it cannot run, that is to be said at once.
  const kafka = stack.adopt(await kafkaFor(chosen, options.kafka), (started) => started?.stop())
  const server = stack.adopt(await startServer(), (started) => started.stop())
  const servers = { serverUrl: server.url, kafka: kafka?.bootstrap }
  const reports: Report[] = []
  for (const bench of chosen) reports.push(await measure(bench, options, servers))
  if (options.json) await writeFile(options.json, `${JSON.stringify(reports, undefined, 2)}\n`)
  if (reports.some(({ requirements }) => requirements.some(({ isMet }) => !isMet))) process.exitCode = 1
}

interface Servers {
  readonly serverUrl: string
  readonly kafka: string | undefined
}

async function measure(bench: BenchCase, options: BenchOptions, servers: Servers): Promise<Report> {
  const records = options.records ?? bench.records
  const rounds = options.rounds ?? bench.rounds ?? defaultRounds
  const against = options.against && resolve(options.against)
  const leading = bench.metrics[0]
  const series = await runCase({
    bench,
    checkout,
    against,
    ...servers,
    records,
    rounds,
    onRound: (nth, side, { values }) => {
      const figure = `${shown(values[leading?.name ?? ''] ?? Number.NaN)} ${leading?.unit}`
      console.error(`${bench.name}, ${nth === 0 ? 'warm-up' : `round ${nth} of ${rounds}`}, ${side}: ${figure}`)
    },
  })
  const report = reportOn(bench, series, { records, rounds, isComparison: against !== undefined })
  console.log(render(report, bench))
  return report
}

function caseNamed(name: string): BenchCase {
  const found = cases.find((bench) => bench.name === name)
  if (!found) throw new Error(`there is no case ${name}; the cases are ${cases.map((bench) => bench.name).join(', ')}`)
  return found
}

function list(): void {
  console.log(usage)
  for (const { name, question } of cases) console.log(`  ${name.padEnd(22)} ${question}`)
}

try {
  await main(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
