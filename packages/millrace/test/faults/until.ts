import { setTimeout as delay } from 'node:timers/promises'

const lookEveryMs = 10

/**
 * Resolves when the condition holds; errors while looking count as "not yet".
 *
 * @throws when it does not within the bound
 */
export async function until(what: string, holds: () => Promise<boolean> | boolean, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs
  let problem: unknown
  for (;;) {
    try {
      if (await holds()) return
      problem = undefined
    } catch (error) {
      problem = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: problem })
    await delay(lookEveryMs)
  }
}
