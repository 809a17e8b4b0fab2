import { type App, defineChannel, defineModule } from 'millrace'
import type { Round } from '../../harness/definition.ts'
import { createBenchApp } from '../bench-app.ts'
import type { ConnectOrder } from './connection.ts'
import { message, messageOf } from './message.ts'

/** What pushes to its clients: an app, or what is written by hand. */
export interface LiveServer extends AsyncDisposable, ConnectOrder {
  /** Tells everybody, or the user whose turn it is, something. */
  push(n: number): Promise<void> | void
}

/** Who is told. */
export interface LiveShape {
  readonly clients: number
  /** Each update is for all of them, or for the one whose turn it is. */
  readonly isForAll: boolean
}

/** What everybody is told. */
export const all = defineChannel('all', { message, audience: () => 'all' })
/** What one user is told. */
export const own = defineChannel('own', { message, audience: (user) => user.id })
const module = defineModule({ name: 'telling', channels: [all, own] })

/** An app with both channels. A user's token is his id. */
export function createLiveApp(round: Round): App {
  return createBenchApp(round, module, {
    http: { host: '127.0.0.1', port: 0, authenticate: async (token) => ({ id: token, expiresAt: undefined }) },
  })
}

/** Fills the database with the tables of an app. */
export async function prepareLive(round: Round): Promise<void> {
  const app = createLiveApp(round)
  await app.start()
  await app.stop()
}

/** An app, whose every update is pushed by a unit of work of its own. */
export async function startLiveApp(round: Round, { clients, isForAll }: LiveShape): Promise<LiveServer> {
  const app = createLiveApp(round)
  await app.start()
  return {
    url: `${app.url}/ws/${isForAll ? all.name : own.name}`,
    isGreeted: true,
    push: (n) =>
      app.millrace.transaction(async (unit) => {
        if (isForAll) unit.push(all, 'all', messageOf(n))
        else unit.push(own, `user-${n % clients}`, messageOf(n))
      }),
    [Symbol.asyncDispose]: () => app.stop(),
  }
}
