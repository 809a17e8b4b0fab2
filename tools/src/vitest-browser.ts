import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { browserProgram, browserUnavailable } from './browser/program.ts'

const build = fileURLToPath(new URL('../../apps/console/build.ts', import.meta.url))

/** Matches the name of no test. */
const nothing = /(?!)/

/**
 * For `globalSetup` of the Vitest project that is in a browser: has one ready, and the console built. Where there is none,
 * `TEST_BROWSER_UNAVAILABLE` says why, and the project's tests are skipped; in CI nothing is.
 */
export async function setup({ config }: TestProject): Promise<void> {
  const reason = await browserUnavailable()
  if (reason === undefined) {
    await Promise.all([browserProgram(), promisify(execFile)(process.execPath, [build])])
    return
  }
  if (process.env['CI']) throw new Error(`CI skips no test, and there is no browser: ${reason}`)
  process.env['TEST_BROWSER_UNAVAILABLE'] = reason
  config.testNamePattern = nothing
}
