import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

/**
 * Ends the output of a test run with one plain line, `N passed, N failed`, and `, N skipped` where there are any.
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
    const tally: Tally = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) count(module, tally)
    this.#tally = tally
    if (isTooLenient(tally)) process.exitCode = 1
  }

  #closingLines(code: number): string {
    const tally = this.#tally ?? { passed: 0, failed: 0, skipped: 0 }
    const lenient = isTooLenient(tally)
    // The run failed for a reason that no test has: its set-up, a threshold.
    const failed = code !== 0 && tally.failed === 0 && !lenient ? 1 : tally.failed
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''
    const reason = lenient ? 'Skipped tests fail a run with CI=true.\n' : ''
    return `${reason}${tally.passed} passed, ${failed} failed${skipped}`
  }
}

function count(module: TestModule, tally: Tally): void {
  tally.failed += module.errors().length
  for (const suite of module.children.allSuites()) tally.failed += errorsOf(suite)
  for (const test of module.children.allTests()) {
    const { state } = test.result()
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
