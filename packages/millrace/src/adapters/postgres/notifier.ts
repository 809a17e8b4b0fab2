import type { Queryable } from '../../core/unit.ts'

/**
 * The least time between two NOTIFYs of a process. A NOTIFY inside the writing transactions, or one for each, costs three
 * quarters of the write rate: all of them queue for one lock at COMMIT.
 */
const quietMs = 5

/** Sends notifications soon, those of a few milliseconds as one statement. Failures are ignored: everyone polls besides. */
export class Notifier {
  readonly #connection: Queryable
  readonly #channels = new Set<string>()
  #lastSent = 0
  #timer: NodeJS.Timeout | undefined

  constructor(connection: Queryable) {
    this.#connection = connection
  }

  notify(channel: string): void {
    this.#channels.add(channel)
    this.#timer ??= setTimeout(() => this.#send(), Math.max(0, this.#lastSent + quietMs - performance.now()))
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #send(): void {
    this.#timer = undefined
    this.#lastSent = performance.now()
    const channels = [...this.#channels]
    this.#channels.clear()
    this.#connection
      .query({
        name: 'millrace_notify',
        text: "SELECT pg_notify(c, '') FROM unnest($1::text[]) AS c",
        values: [channels],
      })
      .catch(() => {})
  }
}
