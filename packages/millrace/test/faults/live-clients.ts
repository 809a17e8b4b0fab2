import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { LiveClientPlan, LiveClientsPlan, Totals } from './live-clients.worker.ts'
import type { LiveSabotageName } from './live-sabotage.ts'
import { type LiveFindings, sumOf } from './live-tally.ts'

const threads = 2

/** Many clients of live updates, in threads of their own, which end with it. */
export class LiveClients implements AsyncDisposable {
  readonly #workers: readonly Worker[]
  #failed: unknown

  constructor(url: string, plans: readonly LiveClientPlan[], sabotage: LiveSabotageName | undefined) {
    this.#workers = Array.from({ length: threads }, (_, thread) => {
      const workerData: LiveClientsPlan = { url, clients: plans.filter((_, nth) => nth % threads === thread), sabotage }
      const worker = new Worker(new URL('./live-clients.worker.ts', import.meta.url), { workerData })
      worker.on('error', (error) => {
        this.#failed = error
      })
      return worker
    })
  }

  /** What they have found by now, where users have come so far. */
  async findings(totals: Totals): Promise<LiveFindings> {
    const ask = async (worker: Worker) => {
      worker.postMessage(totals)
      const [found] = (await once(worker, 'message')) as [LiveFindings]
      return found
    }
    if (this.#failed) throw this.#failed
    return sumOf(await Promise.all(this.#workers.map(ask)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}
