import { setInterval } from 'node:timers'
import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { insertBatches, insertEach } from '../parts/consumers.ts'
import { type DrainConsumer, drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** By then all code is compiled and every buffer has its size. */
const warmUpPart = 0.2
const sampleMs = 250
const shownSamples = 10
const megabyte = 1024 * 1024

interface Sample {
  readonly taken: number
  readonly megabytes: number
}

/** Memory over a long drain. */
export const drainMillion: BenchCase = {
  name: 'drain-million',
  question: 'How much does the memory of a process grow while it drains a million records?',
  records: 1_000_000,
  rounds: 1,
  hasWarmUp: false,
  prepare: fillLog,
  metrics: [
    { name: 'growth', unit: 'MB from the end of the warm-up to the highest', atMost: 50 },
    { name: 'highest', unit: 'MB resident' },
    ...drainMetrics,
  ],
  sides: {
    batch: { isMillrace: true, run: (round) => drainWatched(round, insertBatches) },
    single: { isMillrace: true, run: (round) => drainWatched(round, insertEach) },
  },
}

async function drainWatched(round: Round, consumer: DrainConsumer): Promise<Result> {
  const samples: Sample[] = []
  let timer: NodeJS.Timeout | undefined
  try {
    const { values } = await drain(round, (topic, progress) => {
      const sample = () => samples.push({ taken: progress.taken, megabytes: process.memoryUsage.rss() / megabyte })
      timer = setInterval(sample, sampleMs)
      return consumer(topic, progress)
    })
    return { values: { ...values, ...growth(samples, round.records) }, notes: [series(samples)] }
  } finally {
    clearInterval(timer)
  }
}

function growth(samples: readonly Sample[], records: number): Record<string, number> {
  const last = samples.at(-1) ?? { taken: 0, megabytes: process.memoryUsage.rss() / megabyte }
  const warm = samples.filter(({ taken }) => taken >= records * warmUpPart)
  const before = warm[0] ?? last
  const highest = Math.max(...[last, ...warm].map(({ megabytes }) => megabytes))
  return { growth: highest - before.megabytes, highest }
}

function series(samples: readonly Sample[]): string {
  const every = Math.max(1, Math.ceil(samples.length / shownSamples))
  const shown = samples.filter((_, index) => index % every === 0)
  return `resident MB after so many records: ${shown
    .map(({ taken, megabytes }) => `${megabytes.toFixed(0)} after ${taken.toLocaleString('en')}`)
    .join(', ')}`
}
