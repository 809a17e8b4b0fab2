import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

// Above them systems take the near ends of outgoing connections from, one of which could have ours at a restart.
const lowest = 10_000
const highest = 32_767
const attempts = 200
const freeWithinMs = 2_000
const pollMs = 50

/**
 * TCP ports of 127.0.0.1 that are free now, all different. Another process can take one before it is used.
 *
 * @param except ports that are not to be among them
 */
export async function freePorts(count: number, except: readonly number[] = []): Promise<number[]> {
  const found = new Set<number>()
  for (let attempt = 0; attempt < attempts && found.size < count; attempt++) {
    const port = randomInt(lowest, highest + 1)
    if (!except.includes(port) && (await isFree(port))) found.add(port)
  }
  if (found.size < count) throw new Error(`No ${count} free ports between ${lowest} and ${highest} were found.`)
  return [...found]
}

/** One port, as {@link freePorts} finds them. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Whether nobody listens on the port of 127.0.0.1. */
function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}

/**
 * Waits until nobody listens on the ports of 127.0.0.1: a server whose owner was killed just now needs a moment to go.
 *
 * @throws when somebody keeps one
 */
export async function untilFree(ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + freeWithinMs
  for (const port of ports) {
    while (!(await isFree(port))) {
      if (performance.now() > deadline) throw new Error(`Port ${port} of 127.0.0.1 is taken by another program.`)
      await delay(pollMs)
    }
  }
}
