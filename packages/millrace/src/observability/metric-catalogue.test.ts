import { expect, test } from 'vitest'
import { type MetricDefinition, metricCatalogue, metricGroups } from './metric-catalogue.ts'

const all: [string, MetricDefinition][] = Object.entries(metricCatalogue)

/** What an app's definitions, HTTP, or the code itself bound. */
const boundedLabels = [
  'app',
  'broker',
  'channel',
  'consumer',
  'fault',
  'from',
  'lane',
  'method',
  'node',
  'outcome',
  'part',
  'partition',
  'reason',
  'route',
  'schedule',
  'share',
  'status',
  'topic',
  'version',
]

test.each(all)('%s keeps the conventions', (name, { about, type, unit, help, labels, buckets = [] }) => {
  expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/)
  expect(name.endsWith('_total')).toBe(type === 'counter')
  if (unit === 'seconds' || unit === 'bytes') expect(name).toMatch(new RegExp(`_${unit}(_total)?$`))
  // Not what a histogram or summary makes of its own name.
  expect(name).not.toMatch(/_(count|sum|bucket)$/)
  expect(name).not.toMatch(/_(ms|milliseconds|minutes|kilobytes|percent)(_|$)/)
  expect(help).toMatch(/^[A-Z]/)
  expect(help).not.toMatch(/\.$/)
  expect(boundedLabels).toEqual(expect.arrayContaining([...labels]))
  expect(Object.keys(metricGroups)).toContain(about)
  expect(buckets.length > 0).toBe(type === 'histogram')
  expect([...buckets].sort((a, b) => a - b)).toEqual(buckets)
})

test('a counter and a gauge are not told apart by the suffix alone: OpenMetrics takes it off', () => {
  const families = all.map(([name]) => name.replace(/_total$/, ''))
  expect(new Set(families).size).toBe(families.length)
})
