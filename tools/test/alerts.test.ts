import { readFileSync } from 'node:fs'
import { type MetricDefinition, metricCatalogue, metricPrefix } from 'millrace'
import { expect, test } from 'vitest'

const text = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8')
const [, alerts = ''] = /### What to alert on\n([\s\S]*?)\n## /.exec(text) ?? []
const expressions = Array.from(alerts.matchAll(/^\| [^|]+ \| `([^`]+)`/gm), ([, expression = '']) => expression)
const catalogue: Readonly<Record<string, MetricDefinition>> = metricCatalogue
/** Of the client library and of whoever scrapes. */
const foreignMetrics = ['nodejs_eventloop_lag_p99_seconds']
const foreignLabels = ['instance']

test('every metric that is alerted on exists', () => {
  expect(expressions.length).toBeGreaterThan(15)
  const named = expressions.flatMap((expression) => expression.match(/[a-z0-9]+(_[a-z0-9]+)+/g) ?? [])
  const unknown = named.filter((name) => !foreignMetrics.includes(name) && !definitionOf(name))
  expect(unknown).toEqual([])
})

test('every label that is alerted by is one of its metrics', () => {
  for (const expression of expressions) {
    const definitions = metricsOf(expression).flatMap((name) => definitionOf(name) ?? [])
    const known = [...foreignLabels, ...definitions.flatMap(({ labels }) => labels)]
    expect(
      labelsOf(expression).filter((label) => !known.includes(label)),
      expression,
    ).toEqual([])
  }
})

function metricsOf(expression: string): string[] {
  return expression.match(new RegExp(`${metricPrefix}[a-z0-9_]+`, 'g')) ?? []
}

function labelsOf(expression: string): string[] {
  const grouped = Array.from(expression.matchAll(/\bby \(([^)]+)\)/g), ([, list = '']) => list.split(/,\s*/))
  const selected = Array.from(expression.matchAll(/\b(\w+)=~?"/g), ([, label = '']) => label)
  return [...grouped.flat(), ...selected]
}

/** A histogram has its count and sum beside its buckets. */
function definitionOf(name: string): MetricDefinition | undefined {
  const own = name.startsWith(metricPrefix) ? name.slice(metricPrefix.length) : ''
  return catalogue[own] ?? catalogue[own.replace(/_(count|sum|bucket)$/, '')]
}
