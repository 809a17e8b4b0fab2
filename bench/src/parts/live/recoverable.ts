import { once } from 'node:events'
import type { Millrace } from 'millrace'
import { WebSocket } from 'ws'
import type { Round } from '../../harness/definition.ts'
import type { ConnectOrder } from './connection.ts'
import { messageOf } from './message.ts'
import { all, createLiveApp, own } from './server.ts'

/** A server whose clients get what happened while they were away. */
export interface RecoverableServer extends AsyncDisposable, ConnectOrder {
  /** Tells each of so many users something so often; they are away. */
  tellAway(clients: number, each: number): Promise<void>
}

const perUnit = 500

/** An app that keeps a history. */
export async function startRecoverableApp(round: Round): Promise<RecoverableServer> {
  const app = createLiveApp(round)
  await app.start()
  return {
    url: `${app.url}/ws/${own.name}`,
    isGreeted: true,
    tellAway: async (clients, each) => {
      for (let first = 0; first < clients * each; first += perUnit) {
        await app.millrace.transaction(async (unit) => {
          for (let n = first; n < Math.min(first + perUnit, clients * each); n += 1) {
            unit.push(own, `user-${n % clients}`, messageOf(n))
          }
        })
      }
      await untilDelivered(app.url, app.millrace)
    },
    [Symbol.asyncDispose]: () => app.stop(),
  }
}

/** Resolves when all that was pushed before has come into the history: it is in the order of commits. */
async function untilDelivered(url: string, millrace: Millrace): Promise<void> {
  const watcher = new WebSocket(`${url.replace('http', 'ws')}/ws/${all.name}?token=watcher`)
  await once(watcher, 'message')
  const delivered = once(watcher, 'message')
  await millrace.transaction(async (unit) => unit.push(all, 'all', messageOf(0)))
  await delivered
  watcher.terminate()
}
