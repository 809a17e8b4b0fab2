import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { adminToken } from '../delivery/operations.fixture.ts'
import type { TestApp } from '../testing/index.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.mjs', import.meta.url))

/** How a run of the program ended. */
export interface Ended {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** Runs the program as a shell does, in a folder of its own. */
export async function millrace(given: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [bin, ...given], { env: { PATH, ...environment }, cwd: tmpdir() })
  const [[status], out, err] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { status, out, err }
}

/** The program for an app, with its token. */
export function forApp(t: TestApp) {
  return (...given: string[]) => millrace([...given, '--url', t.url], { ADMIN_TOKEN: adminToken })
}
