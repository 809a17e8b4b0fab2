import { counts } from '../live/channels.fixture.ts'
import { liveApp } from '../live/live.fixture.ts'
import type { TestApp, TestAppOptions } from '../testing/index.ts'
import type { Client } from './client.ts'
import type { LiveSource, LiveStore } from './live-client.ts'
import type { CountMessages } from './page.fixture.ts'

/** An app that serves live connections, with rows that updates are about. */
export async function rowsApp(options?: Partial<TestAppOptions>): Promise<TestApp> {
  const app = await liveApp(options)
  await app.database.query('CREATE TABLE counted (id serial, owner text, n int)')
  return app
}

/** Writes rows of a user, and an update for each. */
export function addRows(app: TestApp, owner: string, ...numbers: readonly number[]): Promise<void> {
  return app.millrace.transaction(async (unit) => {
    for (const n of numbers) {
      await unit.db.query('INSERT INTO counted (owner, n) VALUES ($1, $2)', [owner, n])
      unit.push(counts, owner, { type: 'counted', data: { n } })
    }
  })
}

/** Where a store has a user's rows from. */
export function rowsOf(app: TestApp, owner: () => string): LiveSource<CountMessages['counts'], readonly number[]> {
  return {
    load: async () =>
      app.millrace.live.snapshot(async (db) => {
        const { rows } = await db.query<{ n: number }>('SELECT n FROM counted WHERE owner = $1 ORDER BY id', [owner()])
        return rows.map(({ n }) => n)
      }),
    apply: (numbers, { data }) => [...numbers, data.n],
  }
}

/** A subscriber to a store of a user's rows, and all states that it has seen. */
export class Watcher<Data> {
  readonly store: LiveStore<Data>
  readonly states: ReturnType<LiveStore<Data>['getSnapshot']>[] = []
  readonly leave: () => void

  constructor(store: LiveStore<Data>) {
    this.store = store
    this.leave = store.subscribe(() => this.states.push(store.getSnapshot()))
  }

  get now(): ReturnType<LiveStore<Data>['getSnapshot']> {
    return this.store.getSnapshot()
  }

  /** Whether it is live, with this data. */
  isLive(data: Data): boolean {
    const { now } = this
    return now.status === 'live' && JSON.stringify(now.data) === JSON.stringify(data)
  }
}

/** A store of a user's rows, and a subscriber to it. */
export function watchRows(
  client: Client<CountMessages>,
  source: LiveSource<CountMessages['counts'], readonly number[]>,
): Watcher<readonly number[]> {
  return new Watcher(client.store('counts', source))
}
