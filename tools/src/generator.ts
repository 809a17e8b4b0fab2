import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Makes files of the repository from others of it. */
export interface Generator {
  /** Its file in `tools/src`, without the extension. */
  readonly name: string
  /** The contents of each file it makes, by its path from the repository's folder. */
  generate(): Promise<ReadonlyMap<string, string>>
}

/** Those of a generator's files that are not as it would make them now. */
export async function staleFiles({ generate }: Generator): Promise<string[]> {
  const stale = []
  for (const [path, text] of await generate()) {
    const found = await readFile(join(root, path), 'utf8').catch(() => undefined)
    if (found !== text) stale.push(path)
  }
  return stale
}

/** Runs a generator as a program: writes its files, or with `--check` fails when one is stale. */
export async function runGenerator(generator: Generator): Promise<void> {
  if (process.argv.includes('--check')) await check([generator])
  else await write(generator)
}

/** Names every stale file with the command that mends it; then the process ends with status 1. */
export async function check(generators: readonly Generator[]): Promise<void> {
  for (const generator of generators) {
    const stale = await staleFiles(generator)
    for (const path of stale) console.error(`${path} is not current: run npx node tools/src/${generator.name}.ts`)
    if (stale.length > 0) process.exitCode = 1
    else console.log(`${generator.name}: current`)
  }
}

async function write({ generate }: Generator): Promise<void> {
  for (const [path, text] of await generate()) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}
