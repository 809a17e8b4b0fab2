import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node'
import { skippedProjects } from './vitest-skip.ts'

interface Tally {
  passed: number
  failed: number
  skipped: number
  /** Why tests were skipped, where it was said, and how many for each reason. */
  readonly reasons: Map<string, number>
  /** What the files of each project took, in milliseconds; several run at a time. */
  readonly times: Map<string, number>
}

/**
 * Ends the output of a test run with one plain line, `N passed, N failed`, and `, N skipped` where there are any. Before
 * it stand the reasons for skipping, and what the tests of each project took.
 * What failed outside of a test (a file that could not be loaded, a hook, an unhandled error) counts as a failure.
 * With `CI=true` a skipped test makes the run fail, as what is skipped there is skipped everywhere.
 */
export class ClosingLineReporter implements Reporter {
  #tally: Tally | undefined

  onInit(): void {
    // The coverage table comes after the end of the run.
    process.once('exit', (code) => process.stdout.write(`${this.#closingLines(code)}\n`))
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tally = { ...emptyTally(), failed: unhandled.length }
    for (const module of modules) count(module, tally)
    this.#tally = tally
    if (isTooLenient(tally)) process.exitCode = 1
  }

  #closingLines(code: number): string {
    const tally = this.#tally ?? emptyTally()
    const lenient = isTooLenient(tally)
    // The run failed for a reason that no test has: its set-up, a threshold.
    const failed = code !== 0 && tally.failed === 0 && !lenient ? 1 : tally.failed
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''
    const reason = lenient ? 'Skipped tests fail a run with CI=true.\n' : ''
    return `${timesIn(tally)}${reasonsIn(tally)}${reason}${tally.passed} passed, ${failed} failed${skipped}`
  }
}

function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, reasons: new Map(), times: new Map() }
}

function timesIn({ times }: Tally): string {
  const named = [...times].sort().map(([project, ms]) => `${project} ${(ms / 1_000).toFixed(1)} s`)
  return named.length > 0 ? `Time in tests, several at a time: ${named.join(', ')}\n` : ''
}

function reasonsIn({ reasons }: Tally): string {
  const said = [...reasons].map(([reason, count]) => `${count} skipped: ${reason}\n`).join('')
  return said + skippedProjects()
}

function count(module: TestModule, tally: Tally): void {
  const { name } = module.project
  tally.times.set(name, (tally.times.get(name) ?? 0) + module.diagnostic().duration)
  tally.failed += module.errors().length
  for (const suite of module.children.allSuites()) tally.failed += errorsOf(suite)
  for (const test of module.children.allTests()) {
    const result = test.result()
    const { state } = result
    if (state === 'skipped' && result.note) tally.reasons.set(result.note, (tally.reasons.get(result.note) ?? 0) + 1)
    // One that never came to its end has not passed.
    if (state === 'pending') tally.failed += 1
    else tally[state] += 1
  }
}

function errorsOf(suite: TestSuite): number {
  return suite.errors().length
}

function isTooLenient(tally: Tally): boolean {
  return process.env['CI'] === 'true' && tally.skipped > 0
}
