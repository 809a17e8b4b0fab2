import { type ChildProcessWithoutNullStreams as Child, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

/** On a database of others the app needs one. */
const JWT_SECRET = 'a secret of thirty-two bytes or more'

/**
 * Starts the app in a process of its own, with nothing else in its environment but a secret for tokens.
 *
 * @param atEnd has it ended: with the test, or in a hook with `afterAll`
 */
export function run(
  environment: Record<string, string>,
  atEnd: (end: () => Promise<void>) => void = onTestFinished,
): Child {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, JWT_SECRET, ...environment } })
  const ended = once(child, 'exit')
  atEnd(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return child
}

/** How a script ended, and what it said. */
export interface ScriptEnd {
  readonly status: number
  readonly said: string
  readonly complained: string
}

/** Starts a script of the app, with nothing else in its environment; it ends with the test at the latest. */
export function startScript(name: string, given: readonly string[], environment: Record<string, string> = {}): Child {
  const { PATH = '' } = process.env
  const script = fileURLToPath(new URL(`../scripts/${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, [script, ...given], { env: { PATH, ...environment } })
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    // In order, as it may have started an app.
    child.kill('SIGTERM')
    await ended
  })
  return child
}

/** Runs a script to its end; see {@link startScript}. */
export async function runScript(...script: Parameters<typeof startScript>): Promise<ScriptEnd> {
  const child = startScript(...script)
  const [[status], said, complained] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { status, said, complained }
}

/** How a process ended, and what it said. */
export async function failureOf(child: Child): Promise<{ status: number; text: string }> {
  const [[status], said] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  return { status, text: said }
}

/** Reads what a process says until a line has the pattern; answers with what matched. */
export async function saidBy({ stdout }: Child, pattern: RegExp): Promise<string> {
  let said = ''
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said += chunk
    const [found] = pattern.exec(said) ?? []
    if (found) return found
  }
  throw new Error(`it has ended without ${pattern}:\n${said}`)
}

/** The address in the line that says where it listens. */
export function addressOf(child: Child): Promise<string> {
  return saidBy(child, /https?:\/\/[\d.:]+/)
}
