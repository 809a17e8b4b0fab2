import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { browserProgram, browserUnavailable } from './browser/program.ts'
import { skipProject } from './vitest-skip.ts'

const build = fileURLToPath(new URL('../../apps/console/build.ts', import.meta.url))

/**
 * For `globalSetup` of the Vitest project that is in a browser: has one ready, and the console built. Where there is none,
 * the project's tests are skipped.
 */
export async function setup(project: TestProject): Promise<void> {
  const reason = await browserUnavailable()
  if (reason !== undefined) return skipProject(project, 'browser', reason)
  await Promise.all([browserProgram(), promisify(execFile)(process.execPath, [build])])
}
