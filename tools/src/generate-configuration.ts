import type { Variable } from 'millrace/config'
import { variables } from '../../apps/backend/src/config.ts'
import { type Generator, runGenerator } from './generator.ts'

/** Makes docs/configuration.md from the table of variables in the app's config.ts. */
export const configuration: Generator = {
  name: 'generate-configuration',
  generate: async () => new Map([['docs/configuration.md', page(Object.entries(variables))]]),
}

function page(entries: readonly (readonly [string, Variable])[]): string {
  return `# Configuration

Everything comes from environment variables, read once at start; an empty one counts as unset. What does not fit is
listed together in one error (\`CONFIG_INVALID\`), and nothing starts. A variable that is set, unknown, and nearly spelt
like one of these is warned about in the log.

| variable | default | takes | |
|---|---|---|---|
${entries.map(row).join('\n')}

Made from \`apps/backend/src/config.ts\` by \`npx node tools/src/generate-configuration.ts\`; \`npm run verify\` holds it current.
`
}

function row([name, { parse, default: preset, unset, doc, secret }]: readonly [string, Variable]): string {
  const standard = preset === undefined ? `unset: ${unset ?? 'nothing'}` : `\`${preset}\``
  return `| \`${name}\` | ${standard} | ${parse.expects} | ${doc}${secret ? ' Its value is never shown.' : ''} |`
}

if (import.meta.main) await runGenerator(configuration)
