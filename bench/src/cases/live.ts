import type { BenchCase } from '../harness/definition.ts'
import { type LiveShape, measureByHand, measureMillrace, prepareLive } from '../parts/live.ts'

function liveCase(shape: LiveShape, given: Pick<BenchCase, 'name' | 'question' | 'records' | 'ratios'>): BenchCase {
  return {
    ...given,
    rounds: 5,
    prepare: prepareLive,
    metrics: [
      { name: 'rate', unit: 'deliveries/s' },
      { name: 'p50', unit: 'ms from the push' },
      { name: 'p99', unit: 'ms from the push' },
      { name: 'cpu', unit: 'µs of the server’s thread a delivery' },
    ],
    sides: {
      millrace: { isMillrace: true, run: (round) => measureMillrace(round, shape) },
      'by hand': { run: (round) => measureByHand(round, shape) },
    },
  }
}

/** One channel that everybody follows. */
export const liveFanout = liveCase(
  { clients: 1_000, isForAll: true },
  {
    name: 'live-fanout',
    question: 'How fast do updates that units of work push reach 1,000 clients each?',
    records: 1_000,
    ratios: [{ metric: 'rate', atLeast: 1 }],
  },
)

/** A channel of which everybody has his own updates. */
export const liveUsers = liveCase(
  { clients: 1_000, isForAll: false },
  {
    name: 'live-users',
    question: 'How fast do updates that units of work push reach 1,000 users, each his own?',
    records: 30_000,
    ratios: [{ metric: 'rate' }],
  },
)
