import { errorCatalogue } from 'millrace'
import { type Generator, runGenerator } from './generator.ts'

/** Makes docs/errors.md from the catalogue in core/errors.ts. */
export const errors: Generator = {
  name: 'generate-errors',
  generate: async () => new Map([['docs/errors.md', page()]]),
}

function page(): string {
  return `# Errors

Everything Millrace itself raises has one of these codes. A code keeps its meaning, and is never used again for another.
In HTTP answers (RFC 9457, \`application/problem+json\`) it is the field \`code\`, and \`type\` is \`urn:millrace:error:\` with
the code; in logs it is \`err.code\`. Texts in braces are filled in; in answers from 500 on, reasons that would tell of the
server's insides are left to the log.

${Object.entries(errorCatalogue).map(section).join('\n\n')}

---

Made from \`packages/millrace/src/core/errors.ts\` by \`npx node tools/src/generate-errors.ts\`; \`npm run verify\` holds it current.
`
}

function section([code, { status, message, remedy }]: [string, (typeof errorCatalogue)[keyof typeof errorCatalogue]]) {
  return `## ${code}\n\nHTTP ${status}. ${message.replace(/:\n(\{\w+\})$/, ': $1')}\n\n**What to do:** ${remedy}`
}

if (import.meta.main) await runGenerator(errors)
