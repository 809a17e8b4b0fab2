import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Generator, root, runGenerator } from './generator.ts'

const folder = 'docs/guides'
/** `<!-- file region -->`, the code of before or nothing, `<!-- end -->`. */
const place = /<!-- (?<file>\S+\.ts) (?<region>\S+) -->\n[\s\S]*?<!-- end -->/g

/** Puts the code that the guides show into them: regions of files beside them, which tests run. */
export const guides: Generator = {
  name: 'generate-guides',
  generate: async () => {
    const pages = (await readdir(join(root, folder))).filter((name) => name.endsWith('.md'))
    return new Map(await Promise.all(pages.map(async (name) => [`${folder}/${name}`, await filled(name)] as const)))
  },
}

async function filled(name: string): Promise<string> {
  const page = await readFile(join(root, folder, name), 'utf8')
  const files = new Set([...page.matchAll(place)].map(({ groups }) => groups?.['file'] ?? ''))
  const sources = new Map<string, string>()
  for (const file of files) sources.set(file, await readFile(join(root, folder, file), 'utf8'))
  return page.replace(place, (_whole, file: string, region: string) => {
    const code = regionOf(sources.get(file) ?? '', region)
    if (code === undefined) throw new Error(`${name}: ${file} has no region "${region}"`)
    return `<!-- ${file} ${region} -->\n\`\`\`ts\n${code}\n\`\`\`\n<!-- end -->`
  })
}

/** What stands between `// #region name` and `// #endregion name`, moved to the left; undefined where there is no such region. */
export function regionOf(source: string, name: string): string | undefined {
  const lines = source.split('\n')
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`)
  const end = lines.findIndex((line) => line.trim() === `// #endregion ${name}`)
  if (start < 0 || end < start) return undefined
  const inside = lines.slice(start + 1, end).filter((line) => !/^\s*\/\/ #(end)?region /.test(line))
  const indent = Math.min(...inside.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  return inside
    .map((line) => line.slice(indent))
    .join('\n')
    .trim()
}

if (import.meta.main) await runGenerator(guides)
