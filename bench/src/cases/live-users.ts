import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { startBareServer } from '../parts/by-hand/live-server.ts'
import { clientsNote, LiveClients } from '../parts/live/clients.ts'
import { type LiveServer, type LiveShape, prepareLive, startLiveApp } from '../parts/live/server.ts'

const perSecond = 2_000
const mostClients = 5_000
/** Of the updates, so large a part comes first and does not count: connections to the database are new. */
const warmingPart = 0.2

/** A channel of which everybody has his own updates. */
export const liveUsers: BenchCase = {
  name: 'live-users',
  question: `At ${perSecond} updates/s, how long do they take to reach ${mostClients} users, each his own?`,
  records: 5 * perSecond,
  rounds: 5,
  prepare: prepareLive,
  metrics: [
    { name: 'p50', unit: 'ms from when an update was due', atMost: 10 },
    { name: 'p99', unit: 'ms from when an update was due', atMost: 100 },
    { name: 'commit p50', unit: 'ms of it until the unit of work had committed' },
    { name: 'commit p99', unit: 'ms of it until the unit of work had committed' },
    { name: 'cpu', unit: 'µs of the server’s process an update' },
    { name: 'opening', unit: 'ms until all were connected' },
  ],
  sides: {
    millrace: { isMillrace: true, run: (round) => measure(round, (shape) => startLiveApp(round, shape)) },
    'by hand': { run: (round) => measure(round, startBareServer) },
  },
}

async function measure({ records: updates }: Round, start: (shape: LiveShape) => Promise<LiveServer>): Promise<Result> {
  const shape = { clients: Math.min(mostClients, updates), isForAll: false }
  await using server = await start(shape)
  await using clients = new LiveClients(shape.isForAll, (n) => server.push(n))
  const { url, isGreeted } = server
  const opening = await clients.open({ url, isGreeted, clients: shape.clients })
  await clients.hold({ updates: Math.ceil(updates * warmingPart), perSecond })
  const borne = await clients.hold({ updates, perSecond })
  const { p50, p99, pushing, cpu, missing } = borne
  if (missing > 0) throw new Error(`${missing} of ${updates} updates have not come`)
  const commit = { 'commit p50': pushing.p50, 'commit p99': pushing.p99 }
  return { values: { p50, p99, ...commit, cpu, opening }, notes: [clientsNote(borne)] }
}
