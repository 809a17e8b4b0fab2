import { explainError } from './explain-error.ts'
import { requireNode } from './node-version.ts'

const endWithinMs = 2_000

/**
 * Runs a program: refuses an older Node, and ends the process with status 1 and a clear text on standard error when it
 * fails. The program's own files are to be imported within `program`, as an older Node may not be able to read them.
 *
 * @example
 * await runMain(async () => {
 *   const { compose } = await import('./compose.ts')
 *   await (await compose()).run()
 * })
 */
export async function runMain(program: () => Promise<void>): Promise<void> {
  try {
    requireNode()
    await program()
    // Whatever a part has left open must not keep a program that has ended.
    setTimeout(() => process.exit(), endWithinMs).unref()
  } catch (error) {
    process.stderr.write(`${explainError(error)}\n`)
    // Not by an exit code alone: what had been opened before the failure must not keep the process.
    process.exit(1)
  }
}
