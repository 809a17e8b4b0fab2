import { execFile } from 'node:child_process'
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Generator, root, runGenerator } from './generator.ts'

const app = 'apps/backend'

/** Makes the TypeScript of each module's .proto files, in its folder `generated`. Needs no network. */
export const protobuf: Generator = {
  name: 'generate-protobuf',
  generate: async () => {
    const folders = new Set<string>()
    for await (const path of glob(`${app}/src/modules/*/*.proto`, { cwd: root })) folders.add(dirname(path))
    const made = await Promise.all([...folders].sort().map(filesOf))
    return new Map(made.flat())
  },
}

async function filesOf(folder: string): Promise<[path: string, text: string][]> {
  const output = await mkdtemp(join(tmpdir(), 'protobuf-'))
  try {
    await buf(['generate', join(root, folder), '--output', output])
    const names = await Array.fromAsync(glob('**/*.ts', { cwd: output }))
    return await Promise.all(
      names.sort().map(async (name): Promise<[string, string]> => {
        return [join(folder, 'generated', name), await readFile(join(output, name), 'utf8')]
      }),
    )
  } finally {
    await rm(output, { recursive: true, force: true })
  }
}

/** In the app's folder, for its buf.gen.yaml; the plugin and its Node are found as npm's scripts find them. */
async function buf(parameters: readonly string[]): Promise<void> {
  const binaries = join(root, 'node_modules', '.bin')
  const { PATH: paths } = process.env
  const PATH = [binaries, paths].join(delimiter)
  await promisify(execFile)(join(binaries, 'buf'), parameters, { cwd: join(root, app), env: { ...process.env, PATH } })
}

if (import.meta.main) await runGenerator(protobuf)
