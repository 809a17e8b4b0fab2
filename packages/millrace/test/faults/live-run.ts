import { setTimeout as delay } from 'node:timers/promises'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { liveModules } from '../../src/live/channels.fixture.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { type ChildApp, startChildApp } from './child-app.ts'
import { LiveClients } from './live-clients.ts'
import type { LiveClientPlan } from './live-clients.worker.ts'
import type { Fanout, Trouble } from './live-fanout.ts'
import type { LiveSabotageName } from './live-sabotage.ts'
import type { LiveFindings } from './live-tally.ts'
import type { Random } from './random.ts'
import { countOn, createTallies, tallies } from './tallies.fixture.ts'
import { until } from './until.ts'

/** What is run. */
export interface LiveRunOptions {
  readonly fanout: Fanout
  readonly random: Random
  /** How long updates are pushed for, and clients are cut. */
  readonly seconds: number
  readonly clients: number
  readonly updatesPerSecond: number
  readonly sabotage?: LiveSabotageName
  /** How long clients may take to have everything, once all is well. */
  readonly patienceMs?: number
}

/** What came of it. */
export interface LiveRun extends LiveFindings {
  readonly pushed: number
  /** Connections that were reset, and processes that were killed or stopped. */
  readonly cut: number
  readonly restarts: number
}

const clientsPerUser = 4
const tickMs = 20
const cutEveryMs = 100
const quietMs = 1_500
/** Of a hundred connections, so many are reset each time. */
const cutPercent = 4
/** The first tokens of clients expire within such a time, many of them during the run. */
const longestTokenMs = 40_000

/**
 * Clients of two processes, cut at random, while the network is gone for moments, processes are killed and stopped, and
 * tokens expire; what counts is what the client library hands to its user.
 */
export async function runLiveClients(options: LiveRunOptions): Promise<LiveRun> {
  const { fanout, random, clients, sabotage, patienceMs = 60_000 } = options
  await using pusher = await testApp({ modules: [...liveModules, tallies], roles: ['worker'], ...fanout.options })
  await pusher.database.query(createTallies)
  const servers = await Servers.start({
    ...{ databaseUrl: pusher.databaseUrl, isLive: true, roles: ['api'] },
    ...fanout.options,
    ...(sabotage && { liveSabotage: sabotage }),
  })
  await using front = await TcpProxy.listen(() => servers.portOfAny(random))
  const plans = plansOf(clients, random)
  await using all = new LiveClients(`http://127.0.0.1:${front.port}`, plans, sabotage)
  const totals: Record<string, number> = {}
  const find = () => all.findings(totals)
  await until('all clients are live', async () => (await find()).live === clients)

  const pushing = push(pusher, plans, totals, options)
  const disturbing = Promise.all([
    cutSome(front, options),
    disturb(inTurn([servers.troubles, networkTroubles(front), fanout.troubles]), options),
  ])
  const [pushed, [cut]] = await Promise.all([pushing, disturbing])
  const isDone = async () => {
    const { live, missing } = await find()
    return live === clients && missing === 0
  }
  await until('all clients have everything', isDone, patienceMs).catch(() => {})
  const found = await find()
  await servers.stop()
  return { ...found, pushed, cut, restarts: servers.restarts }
}

function plansOf(clients: number, random: Random): LiveClientPlan[] {
  return Array.from({ length: clients }, (_, nth) => ({
    user: `user-${Math.floor(nth / clientsPerUser)}`,
    stores: nth % clientsPerUser === 0,
    tokenMs: random.between(2_000, longestTokenMs),
  }))
}

/** Pushes to random users, at a steady pace; at last to each of them. */
async function push(
  { millrace }: TestApp,
  plans: readonly LiveClientPlan[],
  totals: Record<string, number>,
  { seconds, updatesPerSecond, random }: LiveRunOptions,
): Promise<number> {
  const users = [...new Set(plans.map(({ user }) => user))]
  const atOnce = Math.max(1, Math.round((updatesPerSecond * tickMs) / 1_000))
  const began = performance.now()
  let pushed = 0
  for (let tick = 1; performance.now() - began < seconds * 1_000; tick += 1) {
    const chosen = new Set(Array.from({ length: atOnce }, () => random.between(0, users.length)))
    Object.assign(
      totals,
      Object.fromEntries(
        await countOn(
          millrace,
          [...chosen].sort().map((nth) => users[nth] ?? ''),
        ),
      ),
    )
    pushed += chosen.size
    await delay(Math.max(0, began + tick * tickMs - performance.now()))
  }
  Object.assign(totals, Object.fromEntries(await countOn(millrace, users)))
  return pushed + users.length
}

/** Resets connections at random; answers how many. */
async function cutSome(front: TcpProxy, { seconds, random }: LiveRunOptions): Promise<number> {
  let cut = 0
  const isChosen = () => {
    const chosen = random.next() * 100 < cutPercent
    cut += Number(chosen)
    return chosen
  }
  for (const end = performance.now() + seconds * 1_000; performance.now() < end; ) {
    front.cutSome(isChosen)
    await delay(cutEveryMs)
  }
  return cut
}

/** The first of each, then the second, and so on. */
function inTurn(troubles: readonly (readonly Trouble[])[]): Trouble[] {
  const most = Math.max(...troubles.map(({ length }) => length))
  return Array.from({ length: most }, (_, nth) => troubles.flatMap((kind) => kind[nth] ?? [])).flat()
}

/** Troubles one after the other, with a while between them, and from the first again. */
async function disturb(troubles: readonly Trouble[], { seconds }: LiveRunOptions): Promise<void> {
  const end = performance.now() + seconds * 1_000
  for (let nth = 0; ; nth += 1) {
    await delay(quietMs)
    if (performance.now() > end) return
    await troubles[nth % troubles.length]?.()
  }
}

function networkTroubles(front: TcpProxy): Trouble[] {
  const mendAfter = async (ms: number) => {
    await delay(ms)
    front.mend()
  }
  return [
    () => {
      front.cut()
      return mendAfter(300)
    },
    () => {
      front.freeze()
      return mendAfter(700)
    },
  ]
}

/** Two processes that serve clients. */
class Servers {
  restarts = 0
  readonly #options: Parameters<typeof startChildApp>[0]
  readonly #apps: ChildApp[]

  private constructor(options: Parameters<typeof startChildApp>[0], apps: ChildApp[]) {
    this.#options = options
    this.#apps = apps
  }

  static async start(options: Parameters<typeof startChildApp>[0]): Promise<Servers> {
    return new Servers(options, await Promise.all([startChildApp(options), startChildApp(options)]))
  }

  /** Of one of them, whether it runs or not. */
  portOfAny(random: Random): number {
    const app = this.#apps[random.between(0, this.#apps.length)]
    return Number(new URL(app?.url ?? '').port)
  }

  get troubles(): Trouble[] {
    return [() => this.#restart(0, 'SIGKILL'), () => this.#restart(1, 'SIGTERM')]
  }

  async stop(): Promise<void> {
    await Promise.all(this.#apps.map((app) => app.kill()))
  }

  async #restart(place: number, signal: NodeJS.Signals): Promise<void> {
    this.#apps[place]?.signal(signal)
    await this.#apps[place]?.ended
    this.#apps[place] = await startChildApp(this.#options)
    this.restarts += 1
  }
}
