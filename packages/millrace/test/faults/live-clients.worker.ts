/** Clients of live updates in a thread of their own. They tell what they found whenever they are asked. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Client } from '../../src/client/client.ts'
import type { LiveStore } from '../../src/client/index.ts'
import { type LiveSabotageName, sabotageLive } from './live-sabotage.ts'
import { type LiveFindings, LiveTally, sumOf } from './live-tally.ts'

/** What the thread is told at first. */
export interface LiveClientsPlan {
  readonly url: string
  readonly clients: readonly LiveClientPlan[]
  readonly sabotage: LiveSabotageName | undefined
}

/** What a client is to do. */
export interface LiveClientPlan {
  readonly user: string
  /** Whether it keeps data that it loads, or follows alone. */
  readonly stores: boolean
  /** How long its first token is good for; the others are for an hour. */
  readonly tokenMs: number
}

/** How far users have come. */
export type Totals = Readonly<Record<string, number>>

type Messages = { readonly counts: { readonly type: 'counted'; readonly data: { readonly n: number } } }

const { url, clients, sabotage } = workerData as LiveClientsPlan
if (sabotage) sabotageLive(sabotage)
// Only now: what is to be changed must not have been loaded.
const { Client: LoadedClient } = await import('../../src/client/client.ts')
const { surroundings } = await import('../../src/client/surroundings.ts')
/** Pauses are a fifth as long as those of others: so many more cuts in the same time. */
const here = { ...surroundings(), random: () => Math.random() / 5 }
const hour = 3_600_000
const running = clients.map((plan) => start(plan))
parentPort?.on('message', (totals: Totals) => parentPort?.postMessage(findings(totals)))

function start({ user, stores, tokenMs }: LiveClientPlan) {
  const tally = new LiveTally()
  let leftMs = tokenMs
  const token = () => {
    const text = `${user}/${Date.now() + leftMs}`
    leftMs = hour
    return text
  }
  const live = new LoadedClient<Messages>({ url, token }, here)
  const isLive = stores ? keep(live.store('counts', sourceOf(user, tally))) : listen(live, tally)
  return { user, tally, isLive }
}

function listen(live: Client<Messages>, tally: LiveTally): () => boolean {
  const following = live.follow('counts', {
    message: ({ data }) => tally.take(data.n),
    reset: () => tally.reset(),
  })
  return () => following.status === 'live'
}

function keep(store: LiveStore<number>): () => boolean {
  store.subscribe(() => {})
  return () => store.getSnapshot().status === 'live'
}

function sourceOf(user: string, tally: LiveTally) {
  let loads = 0
  return {
    load: async (signal: AbortSignal) => {
      const response = await fetch(`${url}/tallies/${user}`, { signal })
      if (!response.ok) throw new Error(`the answer was ${response.status}`)
      const loaded = (await response.json()) as { data: number; at: string }
      tally.load(loaded.data)
      loads += 1
      if (loads > 1) tally.reset()
      return loaded
    },
    apply: (n: number, { data }: Messages['counts']) => {
      tally.take(data.n)
      return Math.max(n, data.n)
    },
  }
}

function findings(totals: Totals): LiveFindings {
  return sumOf(
    running.map(({ user, tally, isLive }) => ({ live: Number(isLive()), ...tally.findings(totals[user] ?? 0) })),
  )
}
