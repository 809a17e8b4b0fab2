import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { startBareServer } from '../parts/by-hand/live-server.ts'
import { type Borne, LiveClients } from '../parts/live/clients.ts'
import { highestRate, type Tried } from '../parts/live/highest-rate.ts'
import { type LiveServer, prepareLive, startLiveApp } from '../parts/live/server.ts'

const shape = { clients: 1_000, isForAll: true }
/** Updates a second that are tried. */
const range = { from: 25, upTo: 6_400 }
const mostMs = 50

/** One channel that everybody follows. */
export const liveFanout: BenchCase = {
  name: 'live-fanout',
  question: `How fast do updates reach 1,000 clients each, 99 % of them within ${mostMs} ms?`,
  records: 1_500,
  rounds: 3,
  prepare: prepareLive,
  metrics: [
    { name: 'rate', unit: `deliveries/s at the highest rate with p99 < ${mostMs} ms` },
    { name: 'p50', unit: 'ms there, from when the update was due' },
    { name: 'p99', unit: 'ms there, from when the update was due', atMost: mostMs },
    { name: 'cpu', unit: 'µs of the server’s process a delivery, there' },
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

async function measure({ records }: Round, started: LiveServer): Promise<Result> {
  await using server = started
  await using clients = new LiveClients(shape.isForAll, (n) => server.push(n))
  const { url, isGreeted } = server
  await clients.open({ url, isGreeted, clients: shape.clients })
  const attempt = async (perSecond: number): Promise<Borne & Tried> => {
    const borne = await clients.hold({ perSecond, updates: Math.ceil((perSecond * records) / 1_000) })
    if (process.env['SHOW']) console.error(borne)
    return { ...borne, perSecond, isKeptUp: borne.missing === 0 && borne.p99 < mostMs }
  }
  const { perSecond, isKeptUp, p50, p99, cpu, clientsBusy } = await highestRate(attempt, range)
  return {
    values: { rate: isKeptUp ? perSecond * shape.clients : 0, p50, p99, cpu },
    notes: [`the clients took ${Math.round(clientsBusy * 100)} % of a core`],
  }
}
