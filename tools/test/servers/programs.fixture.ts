import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../../src/servers/temporary.ts'

/** A new folder, removed at the end of the test. */
export async function testFolder(): Promise<string> {
  const folder = await temporaryFolder('millrace-tools-test-')
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A program of this workspace that runs. */
export interface Program {
  readonly process: ChildProcess
  /** Its standard output, line by line. */
  readonly lines: AsyncIterator<string>
  readonly stderr: Promise<string>
  /** Resolves with its status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Runs a program of this workspace, ended with the test at the latest. */
export function runProgram(path: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Program {
  const program = spawn(process.execPath, [join(import.meta.dirname, '../..', path), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const ended = once(program, 'exit').then(([code, signal]) => signal ?? code)
  onTestFinished(async () => {
    program.kill('SIGKILL')
    await ended
  })
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]()
  return { process: program, lines, stderr: text(program.stderr), ended }
}

/** Resolves when the condition holds; the test's own time-out is the bound. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(10)
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** As `ps` has it: `T` for stopped. */
export async function stateOf(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)])
  return stdout.trim()
}
