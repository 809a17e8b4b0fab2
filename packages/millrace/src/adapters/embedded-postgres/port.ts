import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { fail } from '../../core/errors.ts'

// Above them systems take the near ends of outgoing connections from, one of which could have ours at a restart.
const lowest = 10_000
const highest = 32_767
const attempts = 50

/** A TCP port of 127.0.0.1 that is free now. Another process can take it before it is used: be ready to ask again. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, highest + 1)
    if (await isFree(port)) return port
  }
  throw fail('EMBEDDED_UNAVAILABLE', { problem: `no free port between ${lowest} and ${highest} was found` })
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}
