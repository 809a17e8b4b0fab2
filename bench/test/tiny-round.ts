import { resolve } from 'node:path'
import { expect } from 'vitest'
import type { BenchCase } from '../src/harness/definition.ts'
import { render, reportOn } from '../src/harness/report.ts'
import { type RunOptions, runCase } from '../src/harness/run-case.ts'

const checkout = resolve(import.meta.dirname, '../..')

/** All cases run at once, each in several processes; on a busy machine that takes long. */
export const timeout = 120_000

/** How tests run a case: enough records for several chunks in each partition, and for half a second of a load. */
export function tinyRun(bench: BenchCase): RunOptions {
  return {
    bench: { ...bench, hasWarmUp: false },
    checkout,
    serverUrl: process.env['TEST_DATABASE_URL'] ?? '',
    kafka: process.env['TEST_KAFKA_BROKERS'],
    records: 100,
    rounds: 1,
  }
}

/** One round gives every figure of every side. */
export async function expectFigures(bench: BenchCase): Promise<void> {
  const run = tinyRun(bench)
  const report = reportOn(bench, await runCase(run), { ...run, isComparison: false })

  expect(Object.keys(report.sides)).toEqual(Object.keys(bench.sides))
  for (const side of Object.values(report.sides)) {
    for (const { name } of bench.metrics) expect(side[name]?.median, name).toBeGreaterThanOrEqual(0)
  }
  expect(render(report, bench)).toContain(bench.question)
}
