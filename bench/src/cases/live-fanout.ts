import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { startBareServer } from '../parts/by-hand/live-server.ts'
import { clientsNote, LiveClients } from '../parts/live/clients.ts'
import { highestRate } from '../parts/live/highest-rate.ts'
import { type LiveServer, prepareLive, startLiveApp } from '../parts/live/server.ts'

const shape = { clients: 1_000, isForAll: true }
/** Updates a second that are tried. */
const range = { from: 50, upTo: 6_400 }
/** At this one, nothing is busy. */
const calmRate = 25
/** Within which 99 % of the deliveries come at a rate that is kept up. */
const mostMs = 50
const closeMs = 200

/** One channel that everybody follows. */
export const liveFanout: BenchCase = {
  name: 'live-fanout',
  question: `At what rate do updates still reach ${shape.clients} clients, 99 % of them within ${mostMs} ms?`,
  // Milliseconds that each rate is held.
  records: 1_500,
  rounds: 3,
  prepare: prepareLive,
  metrics: [
    { name: 'rate', unit: 'deliveries/s' },
    { name: 'p50', unit: 'ms from when an update was due, at that rate' },
    { name: 'p99', unit: 'ms from when an update was due, at that rate', atMost: mostMs },
    { name: 'cpu', unit: 'µs of the server’s process a delivery, at that rate' },
    { name: 'calm p50', unit: `ms at ${calmRate} updates/s` },
    { name: 'calm p99', unit: `ms at ${calmRate} updates/s` },
  ],
  sides: {
    millrace: { isMillrace: true, run: async (round) => measure(round, await startLiveApp(round, shape)) },
    'by hand': { run: async (round) => measure(round, await startBareServer(shape)) },
  },
  ratios: [
    { metric: 'rate', atLeast: 3 },
    { metric: 'cpu', atMost: 0.4 },
  ],
}

async function measure({ records: stepMs }: Round, started: LiveServer): Promise<Result> {
  await using server = started
  await using clients = new LiveClients(shape.isForAll, (n) => server.push(n))
  const { url, isGreeted } = server
  await clients.open({ url, isGreeted, clients: shape.clients })
  const hold = (perSecond: number) => clients.hold({ perSecond, updates: Math.ceil((perSecond * stepMs) / 1_000) })
  // Does not count: connections to the database are new.
  await hold(calmRate)
  const calm = await hold(calmRate)
  const attempt = async (perSecond: number) => {
    const borne = await hold(perSecond)
    const isKeptUp = borne.missing === 0 && borne.p99 < mostMs
    return { ...borne, perSecond, isKeptUp, isClose: !isKeptUp && borne.p99 < closeMs }
  }
  const highest = await highestRate(attempt, range)
  const { perSecond, isKeptUp, p50, p99, cpu } = highest
  return {
    values: {
      ...{ rate: isKeptUp ? perSecond * shape.clients : 0, p50, p99, cpu },
      ...{ 'calm p50': calm.p50, 'calm p99': calm.p99 },
    },
    notes: [clientsNote(highest)],
  }
}
