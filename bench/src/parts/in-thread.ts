import { on } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Runs one of the parts in a thread of its own: what the measured side does delays neither it nor its looks at the clock. */
export class Thread<Answer> {
  readonly #answers: NodeJS.AsyncIterator<[Answer]>

  /** @param file of this folder; it finds the order in `workerData` */
  constructor(file: string, order: unknown) {
    const worker = new Worker(new URL(file, import.meta.url), { workerData: order })
    this.#answers = on(worker, 'message')
  }

  /** The next thing it says. Rejects when it fails. */
  async answer(): Promise<Answer> {
    const { value } = await this.#answers.next()
    return value[0]
  }
}
