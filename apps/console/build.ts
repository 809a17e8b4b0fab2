// A program: builds the console where it is not what its sources say. `npm start` runs it, and the tests in a browser do.
import { createHash } from 'node:crypto'
import { glob, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const repository = join(here, '../..')
const dist = join(here, 'dist')

/** Says in `dist` what it was built of. A dot file: it is served to nobody. */
const stamp = join(dist, '.built-of')

/** Whatever the built pages depend on. */
const inputs = [
  'apps/console/{src,public}/**/*',
  'apps/console/{index.html,vite.config.ts,build.ts}',
  'packages/millrace/src/{client,react}/**/*',
  'package-lock.json',
]

/** What servers send compressed, once and for all, as small as it gets. */
const compressible = /\.(js|css|html|svg)$/

// Not as whoever starts it may have it: React of development is twice as large.
process.env['NODE_ENV'] = 'production'

try {
  const since = performance.now()
  const isNew = await buildConsole()
  if (isNew) process.stdout.write(`The console was built in ${((performance.now() - since) / 1_000).toFixed(1)} s.\n`)
} catch (error) {
  if (!isWithoutTools(error)) throw error
  process.stderr.write('The console cannot be built: npm was told to leave out development dependencies.\n')
}

/**
 * Builds the console into `dist`, unless it is there, of the same sources. The folder is exchanged as a whole, so that nobody
 * is served half of it.
 *
 * @returns whether it had to be built
 */
async function buildConsole(): Promise<boolean> {
  const sources = await hashOf(inputs)
  if ((await contentsOf(stamp)) === sources) return false
  const { build } = await import('vite')
  const fresh = `${dist}-${process.pid}`
  try {
    await build({ root: here, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } })
    await compressAll(fresh)
    await writeFile(join(fresh, '.built-of'), sources)
    await exchange(fresh)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return true
}

async function hashOf(patterns: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of await filesOf(repository, patterns)) {
    hash.update(`${path}\0`)
    hash.update(await readFile(join(repository, path)))
  }
  return hash.digest('hex')
}

async function filesOf(root: string, patterns: readonly string[]): Promise<string[]> {
  const found = await Array.fromAsync(glob([...patterns], { cwd: root, withFileTypes: true }))
  const files = found.filter((entry) => entry.isFile())
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1)).sort()
}

async function compressAll(folder: string): Promise<void> {
  const files = await filesOf(folder, ['**/*'])
  await Promise.all(files.filter((file) => compressible.test(file)).map((file) => compress(join(folder, file))))
}

async function compress(file: string): Promise<void> {
  const content = await readFile(file)
  const [br, gz] = await Promise.all([promisify(brotliCompress)(content), promisify(gzip)(content, { level: 9 })])
  await Promise.all([writeFile(`${file}.br`, br), writeFile(`${file}.gz`, gz)])
}

/** Puts a folder in the place of `dist`. Where another process does the same, one of the two is as good as the other. */
async function exchange(fresh: string): Promise<void> {
  const old = `${fresh}-old`
  await rename(dist, old).catch(unless('ENOENT'))
  await rename(fresh, dist).catch(unless('ENOTEMPTY'))
  await rm(old, { recursive: true, force: true })
}

function unless(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error
  }
}

async function contentsOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Without what builds it, the app runs as well: it says at `/console` what is missing. */
function isWithoutTools(error: unknown): boolean {
  const { code, message = '' } = error as NodeJS.ErrnoException
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes("'vite'")
}
