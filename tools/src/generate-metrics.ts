import { type MetricDefinition, metricCatalogue, metricGroups, metricPrefix } from 'millrace'
import { type Generator, runGenerator } from './generator.ts'

/** Makes docs/metrics.md from the catalogue in observability/metric-catalogue.ts. */
export const metrics: Generator = {
  name: 'generate-metrics',
  generate: async () => new Map([['docs/metrics.md', page()]]),
}

const all: readonly (readonly [string, MetricDefinition])[] = Object.entries(metricCatalogue)

function page(): string {
  return `# Metrics

\`GET /metrics\` answers with these, in the text format of Prometheus. What to alert on is in
[observability.md](observability.md). Every name begins with \`${metricPrefix}\`. Labels are bounded by what the app defines:
no key, id, path or message is one. Beside them are the process's basics by their usual names (\`process_…\`, \`nodejs_…\`:
CPU, memory, lag of the event loop, garbage collection), and the app's own counters, \`${metricPrefix}app_…_total\`.

${Object.entries(metricGroups).map(section).join('\n\n')}

---

Made from \`packages/millrace/src/observability/metric-catalogue.ts\` by \`npx node tools/src/generate-metrics.ts\`; \`npm run verify\` holds it current.
`
}

function section([group, title]: [string, string]): string {
  const rows = all.filter(([, { about }]) => about === group).map(row)
  return `## ${title}\n\n| name | type | labels | |\n|---|---|---|---|\n${rows.join('\n')}`
}

function row([name, { type, unit, labels, help, buckets }]: readonly [string, MetricDefinition]): string {
  const named = labels.map((label) => `\`${label}\``).join(', ') || '–'
  const bounds = buckets ? ` Buckets: ${buckets.join(', ')}.` : ''
  return `| \`${metricPrefix}${name}\` | ${type}, ${unit} | ${named} | ${help}.${bounds} |`
}

if (import.meta.main) await runGenerator(metrics)
