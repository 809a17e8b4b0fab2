import type { TestProject } from 'vitest/node'

/** Matches the name of no test. */
const nothing = /(?!)/
/** Set-up and reporter are of one process, which loads this module for each. */
const variable = 'TEST_SKIPPED_PROJECTS'

/**
 * Has the tests of a project skipped, which cannot run on this machine; the end of the run says why. In CI nothing is
 * skipped: the run fails. Unlike a skip in each test, this spares the hooks of files, which need the same.
 *
 * @param what is missing: `Kafka`
 */
export function skipProject({ config, name }: TestProject, what: string, reason: string): void {
  if (process.env['CI']) throw new Error(`CI skips no test, and there is no ${what}: ${reason}`)
  process.env[variable] = `${skippedProjects()}The tests of the project ${name} were skipped: ${reason}\n`
  config.testNamePattern = nothing
}

/** What was skipped in this run, a line for each project. */
export function skippedProjects(): string {
  return process.env[variable] ?? ''
}
