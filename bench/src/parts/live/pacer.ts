import { writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { now } from './clock.ts'

/** When pushes are due: evenly, from a time on. */
export interface Schedule {
  /** By {@link now}. */
  readonly start: number
  readonly perSecond: number
  readonly count: number
}

/** The pipe to the process of the server. */
const pipe = 4
const byte = Buffer.from('.')

parentPort?.on('message', pace)

/**
 * Writes a byte for each push at the moment it is due, whatever the server does: what a small request would be. A thread
 * of its own that sleeps in between, as the event loop's timers are a millisecond late.
 */
function pace({ start, perSecond, count }: Schedule): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let n = 0; n < count; n += 1) {
    const wait = start + (n * 1_000) / perSecond - now()
    if (wait > 0) Atomics.wait(never, 0, 0, wait)
    writeSync(pipe, byte)
  }
}
