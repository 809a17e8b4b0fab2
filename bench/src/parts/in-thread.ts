import { on } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Runs one of the parts in a thread of its own: what the measured side does delays neither it nor its looks at the clock. */
export class Thread<Answer> implements AsyncDisposable {
  readonly #worker: Worker
  readonly #messages: AsyncIterator<unknown[]>

  /** @param file beside this one; it finds the order in `workerData` */
  constructor(file: string, order: unknown) {
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: order })
    this.#messages = on(this.#worker, 'message', { close: ['exit'] })
  }

  /** The next thing it says. Rejects when it fails. */
  async answer(): Promise<Answer> {
    const { value, done } = await this.#messages.next()
    if (done) throw new Error('the thread has ended')
    return value[0] as Answer
  }

  /** Ends it, whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
