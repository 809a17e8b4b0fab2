import { type Duration, milliseconds } from './duration.ts'
import { fail, messageOf } from './errors.ts'

/** A part of the process that starts and stops with it. */
export interface Part {
  /** Appears in logs and errors. */
  readonly name: string
  start?(): Promise<void> | void
  /** Stops taking work and ends what is under way; also what a `start` that failed has begun. */
  stop?(): Promise<void> | void
  /** How long `stop` may take before the next part is stopped all the same. @default '10s' */
  readonly stopWithin?: Duration
}

/** Told about what goes wrong while stopping; nothing stops the stopping. */
type StopProblem = (part: string, problem: string) => void

/**
 * Starts parts in order and stops them in the reverse order, each within its bound.
 * A failed start stops what had started.
 */
export class Lifecycle {
  readonly #parts: readonly Part[]
  readonly #onStopProblem: StopProblem
  #started: Part[] = []
  #stopping: Promise<void> | undefined

  constructor(parts: readonly Part[], onStopProblem: StopProblem) {
    this.#parts = parts
    this.#onStopProblem = onStopProblem
  }

  /** @throws START_FAILED, SHUTTING_DOWN when it is stopped meanwhile */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      if (this.#stopping) throw fail('SHUTTING_DOWN', {})
      this.#started.push(part)
      try {
        await part.start?.()
      } catch (error) {
        await this.stop()
        throw fail('START_FAILED', { part: part.name, reason: messageOf(error) }, { cause: error })
      }
    }
  }

  /** Resolves when everything has stopped or its bound has passed; a second call joins the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    while (this.#started.length > 0) {
      const part = this.#started.pop()
      if (part) await this.#stopOne(part)
    }
  }

  async #stopOne(part: Part): Promise<void> {
    const bound = milliseconds(part.stopWithin ?? '10s')
    const { promise: timeout, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(resolve, bound, 'late')
    try {
      const outcome = await Promise.race([Promise.resolve(part.stop?.()), timeout])
      if (outcome === 'late') this.#onStopProblem(part.name, `it did not stop within ${bound} ms`)
    } catch (error) {
      this.#onStopProblem(part.name, messageOf(error))
    } finally {
      clearTimeout(timer)
    }
  }
}
