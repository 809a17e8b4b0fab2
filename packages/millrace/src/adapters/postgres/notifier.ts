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
  /** Set from scheduling to the answer. */
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(connection: Queryable) {
    this.#connection = connection
  }

  notify(channel: string): void {
    this.#channels.add(channel)
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#timer || this.#stopped || this.#channels.size === 0) return
    this.#timer = setTimeout(() => void this.#send(), Math.max(0, this.#lastSent + quietMs - performance.now()))
  }

  /** One at a time: a database that is slow to answer is not helped by more of them. */
  async #send(): Promise<void> {
    this.#lastSent = performance.now()
    const channels = [...this.#channels]
    this.#channels.clear()
    try {
      await this.#connection.query({ name: 'millrace_notify', text: notify, values: [channels] })
    } catch {
      // Everyone polls besides.
    }
    this.#timer = undefined
    this.#schedule()
  }
}

const notify = "SELECT pg_notify(c, '') FROM unnest($1::text[]) AS c"
