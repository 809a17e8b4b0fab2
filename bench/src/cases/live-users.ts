import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { startBareServer } from '../parts/by-hand/live-server.ts'
import { LiveClients } from '../parts/live/clients.ts'
import { type LiveServer, type LiveShape, prepareLive, startLiveApp } from '../parts/live/server.ts'

const perSecond = 2_000
const mostClients = 5_000

/** A channel of which everybody has his own updates. */
export const liveUsers: BenchCase = {
  name: 'live-users',
  question: 'At 2,000 updates/s, how long do they take to reach 5,000 users, each his own?',
  records: 5 * perSecond,
  rounds: 5,
  prepare: prepareLive,
  metrics: [
    { name: 'p50', unit: 'ms from when the update was due' },
    { name: 'p99', unit: 'ms from when the update was due', atMost: 50 },
    { name: 'cpu', unit: 'µs of the server’s process an update' },
    { name: 'opened', unit: 'ms until all are connected' },
  ],
  sides: {
    millrace: {
      isMillrace: true,
      run: async (round) => measure(round, await startLiveApp(round, shapeOf(round)), shapeOf(round)),
    },
    'by hand': { run: async (round) => measure(round, await startBareServer(shapeOf(round)), shapeOf(round)) },
  },
}

function shapeOf({ records }: Round): LiveShape {
  return { clients: Math.min(mostClients, records), isForAll: false }
}

async function measure({ records: updates }: Round, started: LiveServer, shape: LiveShape): Promise<Result> {
  await using server = started
  await using clients = new LiveClients(shape.isForAll, (n) => server.push(n))
  const { url, isGreeted } = server
  const opened = await clients.open({ url, isGreeted, clients: shape.clients })
  const borne = await clients.hold({ updates, perSecond })
  if (process.env['SHOW']) console.error(borne)
  const { p50, p99, cpu, missing, clientsBusy } = borne
  if (missing > 0) throw new Error(`${missing} of ${updates} updates have not come`)
  return {
    values: { p50, p99, cpu, opened },
    notes: [`the clients took ${Math.round(clientsBusy * 100)} % of a core`],
  }
}
