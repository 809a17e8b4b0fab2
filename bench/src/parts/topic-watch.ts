import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { Result } from '../harness/definition.ts'
import { withAdmin, writtenTo } from './kafka.ts'

/** What the watch is told. */
export interface WatchOrder {
  readonly bootstrap: string
  readonly topic: string
  /** How many records are to come. */
  readonly records: number
}

/** How long they may take. */
const patienceMs = 5 * 60_000
const lookEveryMs = 5

parentPort?.postMessage(await watch(workerData as WatchOrder))

/**
 * Says when it watches, then waits until all records are in the topic, besides those that were there before. The clock
 * runs from the last look at which none had come.
 */
async function watch({ bootstrap, topic, records }: WatchOrder): Promise<Result> {
  return withAdmin(bootstrap, async (admin) => {
    const before = await writtenTo(admin, topic)
    parentPort?.postMessage('watching')
    const deadline = performance.now() + patienceMs
    let from = performance.now()
    for (let come = 0; come < records; ) {
      if (performance.now() > deadline) throw new Error(`of ${records} records ${come} have come`)
      const lookedAt = performance.now()
      come = (await writtenTo(admin, topic)) - before
      if (come === 0) from = lookedAt
      else if (come < records) await delay(lookEveryMs)
    }
    return { values: { rate: records / ((performance.now() - from) / 1_000) } }
  })
}
