import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cases } from '../src/cases/index.ts'
import { render, reportOn } from '../src/harness/report.ts'
import { runCase } from '../src/harness/run-case.ts'

const checkout = resolve(import.meta.dirname, '../..')
const serverUrl = process.env['TEST_DATABASE_URL'] ?? ''

/** Enough for several chunks in each partition, and for half a second of the load. */
const records = 100

describe.concurrent('one round of every case gives every figure', () => {
  test.each(cases)('$name', async (bench) => {
    const series = await runCase({ bench: { ...bench, hasWarmUp: false }, checkout, serverUrl, records, rounds: 1 })
    const report = reportOn(bench, series, { records, rounds: 1, isComparison: false })

    expect(Object.keys(report.sides)).toEqual(Object.keys(bench.sides))
    for (const side of Object.values(report.sides)) {
      for (const { name } of bench.metrics) expect(side[name]?.median, name).toBeGreaterThanOrEqual(0)
    }
    expect(render(report, bench)).toContain(bench.question)
  })
})

test('another checkout is compared by its sides of Millrace, pair by pair', async () => {
  const [bench] = cases
  if (!bench) throw new Error('there is no case')
  const options = { bench: { ...bench, hasWarmUp: false }, checkout, against: checkout, serverUrl, records, rounds: 2 }
  const series = await runCase(options)
  const { ratios } = reportOn(bench, series, { records, rounds: 2, isComparison: true })

  expect(ratios).toMatchObject([{ of: 'millrace here', to: 'millrace there', metric: 'rate' }])
  expect(ratios[0]?.spread.median).toBeGreaterThan(0)
})
