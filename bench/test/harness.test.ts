import { expect, test } from 'vitest'
import type { BenchCase } from '../src/harness/definition.ts'
import { readOptions } from '../src/harness/options.ts'
import { render, reportOn } from '../src/harness/report.ts'
import { runCase } from '../src/harness/run-case.ts'
import { spreadOf } from '../src/harness/statistics.ts'

const bench: BenchCase = {
  name: 'tea',
  question: 'Is the kettle fast?',
  records: 1,
  prepare: async () => {},
  metrics: [
    { name: 'rate', unit: 'cups/s' },
    { name: 'heat', unit: '°C', atMost: 90 },
  ],
  ratios: [{ metric: 'rate', atLeast: 0.7 }],
  sides: {
    millrace: { isMillrace: true, run: async () => ({ values: {} }) },
    'by hand': { run: async () => ({ values: {} }) },
  },
}

function report(ours: readonly number[], theirs: readonly number[]) {
  const results = (rates: readonly number[]) => rates.map((rate) => ({ values: { rate, heat: 95 } }))
  const series = [
    { side: 'millrace', isMillrace: true, results: results(ours) },
    { side: 'by hand', isMillrace: false, results: results(theirs) },
  ]
  return reportOn(bench, series, { records: 1, rounds: ours.length, isComparison: false })
}

test('the spread of figures, in whatever order they come', () => {
  expect(spreadOf([4, 1, 3, 2, 5])).toEqual({ min: 1, lowerQuartile: 2, median: 3, upperQuartile: 4, max: 5 })
  expect(spreadOf([1, 2]).median).toBe(1.5)
})

test('sides are divided round by round, so that what slows a whole round down does not count', () => {
  const { ratios } = report([80, 8, 40], [100, 10, 50])
  expect(ratios).toMatchObject([{ of: 'millrace', to: 'by hand', spread: { min: 0.8, median: 0.8, max: 0.8 } }])
})

test('what is required is of the ratio and of our own sides', () => {
  const { requirements } = report([60], [100])
  expect(requirements).toEqual([
    { text: 'millrace: heat is 95 °C, at most 90 required', isMet: false },
    { text: 'rate, millrace / by hand, is 0.60, at least 0.7 required', isMet: false },
  ])
})

test('a ratio may have to be low', () => {
  const slow = { ...bench, ratios: [{ metric: 'rate', atMost: 1 }] }
  const series = [
    { side: 'millrace', isMillrace: true, results: [{ values: { rate: 11, heat: 1 } }] },
    { side: 'by hand', isMillrace: false, results: [{ values: { rate: 10, heat: 1 } }] },
  ]
  const { requirements } = reportOn(slow, series, { records: 1, rounds: 1, isComparison: false })
  expect(requirements).toContainEqual({ text: 'rate, millrace / by hand, is 1.10, at most 1 required', isMet: false })
})

test('a case that needs Kafka is not run without', async () => {
  const needy: BenchCase = { ...bench, needs: 'kafka' }
  await expect(runCase({ bench: needy, checkout: '', serverUrl: '', records: 1, rounds: 1 })).rejects.toThrow(
    'tea needs a Kafka, and was given none',
  )
})

test('the report is a table', () => {
  expect(render(report([80, 90, 100], [100, 100, 100]), bench)).toMatchInlineSnapshot(`
    "
    tea: Is the kettle fast?
    1 record, 3 rounds

    rate (cups/s)  min  median  max
    millrace        80      90  100
    by hand        100     100  100

    heat (°C)  min  median  max
    millrace    95      95   95
    by hand     95      95   95

    rate, millrace / by hand, round by round: median 0.90 (quartiles 0.85 to 0.95)
    NOT MET millrace: heat is 95 °C, at most 90 required
    met     rate, millrace / by hand, is 0.90, at least 0.7 required"
  `)
})

test('options are read and checked', () => {
  expect(readOptions(['tea', '--rounds', '9'])).toMatchObject({ cases: ['tea'], rounds: 9, records: undefined })
  expect(readOptions(['tea', '--kafka', 'there:9092'])).toMatchObject({ kafka: 'there:9092' })
  expect(() => readOptions(['tea', '--rounds', '0'])).toThrow('--rounds must be a whole number from 1')
})
