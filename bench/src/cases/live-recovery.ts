import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { prepareReloading, startReloadingServer } from '../parts/by-hand/reloading-server.ts'
import { LiveClients } from '../parts/live/clients.ts'
import { type RecoverableServer, startRecoverableApp } from '../parts/live/recoverable.ts'
import { prepareLive } from '../parts/live/server.ts'
import { statementsSent } from '../parts/live/statements.ts'

const mostClients = 1_000
/** Of the app's own, whatever its clients do. */
const fewStatements = 50

/** Everybody is cut at once, misses something, and comes back at once. */
export const liveRecovery: BenchCase = {
  name: 'live-recovery',
  question:
    'When 1,000 clients were cut and come back at once, how long does it take until each has all it has missed?',
  records: 50 * mostClients,
  rounds: 5,
  prepare: async (round) => {
    await prepareLive(round)
    await prepareReloading(round)
  },
  metrics: [
    { name: 'time', unit: 'ms until the last client has everything' },
    { name: 'p50', unit: 'ms until half of it has come' },
    { name: 'cpu', unit: 'ms of the server’s process' },
    { name: 'statements', unit: 'statements meanwhile', atMost: fewStatements },
  ],
  sides: {
    millrace: { isMillrace: true, run: async (round) => measure(round, await startRecoverableApp(round)) },
    'by hand': { run: async (round) => measure(round, await startReloadingServer(round)) },
  },
  ratios: [{ metric: 'time', atMost: 1.5 }, { metric: 'cpu' }],
}

async function measure({ records }: Round, started: RecoverableServer): Promise<Result> {
  await using server = started
  await using crowd = new LiveClients(false, () => {})
  const clients = Math.min(mostClients, records)
  const missed = Math.ceil(records / clients)
  const { url, isGreeted } = server
  await crowd.open({ url, isGreeted, clients })
  await crowd.cut()
  await server.tellAway(clients, missed)
  const before = statementsSent()
  const { max: time, p50, cpu, missing, deliveries } = await crowd.recover(missed)
  if (missing > 0) throw new Error(`${missing} of ${deliveries} updates have not come`)
  return { values: { time, p50, cpu: (cpu * deliveries) / 1_000, statements: statementsSent() - before } }
}
