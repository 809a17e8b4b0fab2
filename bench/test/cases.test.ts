import { describe, expect, test } from 'vitest'
import { cases } from '../src/cases/index.ts'
import { reportOn } from '../src/harness/report.ts'
import { runCase } from '../src/harness/run-case.ts'
import { expectFigures, timeout, tinyRun } from './tiny-round.ts'

describe.concurrent('one round of every case gives every figure', { timeout }, () => {
  test.each(cases.filter(({ needs }) => needs === undefined))('$name', expectFigures)
})

test('another checkout is compared by its sides of Millrace, pair by pair', async () => {
  const [bench] = cases
  if (!bench) throw new Error('there is no case')
  const run = { ...tinyRun(bench), rounds: 2 }
  const series = await runCase({ ...run, against: run.checkout })
  const { ratios } = reportOn(bench, series, { ...run, isComparison: true })

  expect(ratios).toMatchObject([{ of: 'millrace here', to: 'millrace there', metric: 'rate' }])
  expect(ratios[0]?.spread.median).toBeGreaterThan(0)
})
