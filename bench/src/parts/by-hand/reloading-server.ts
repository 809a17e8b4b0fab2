import pg from 'pg'
import type { Round } from '../../harness/definition.ts'
import { messageOf } from '../live/message.ts'
import type { RecoverableServer } from '../live/recoverable.ts'
import { withClient } from '../payments.ts'
import { startBareServer } from './live-server.ts'

/** As many as an app of Millrace has for its own code. */
const connections = 10

const load = {
  name: 'load',
  text: `SELECT '{"type":"all","data":[' || coalesce(string_agg(data::text, ',' ORDER BY n), '') || ']}' AS text
           FROM told WHERE who = $1`,
}

/** Makes the table that clients load from. */
export async function prepareReloading({ url }: Round): Promise<void> {
  await withClient(url, (client) =>
    client.query('CREATE TABLE told (who text, n bigint, data json NOT NULL, PRIMARY KEY (who, n))'),
  )
}

/** A `ws` server that keeps nothing: who connects is sent everything there is for him, out of the database. */
export async function startReloadingServer({ url }: Round): Promise<RecoverableServer> {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const server = await startBareServer({ clients: 0, isForAll: false }, (user, socket) => {
    pool.query<{ text: string }>({ ...load, values: [user] }).then(
      ({ rows }) => socket.send(rows[0]?.text ?? ''),
      () => socket.terminate(),
    )
  })
  return {
    url: server.url,
    isGreeted: server.isGreeted,
    tellAway: async (clients, each) => {
      for (let first = 0; first < each; first += 1) {
        const numbers = Array.from({ length: clients }, (_, user) => first * clients + user)
        await pool.query('INSERT INTO told SELECT * FROM unnest($1::text[], $2::bigint[], $3::json[])', [
          numbers.map((n) => `user-${n % clients}`),
          numbers,
          numbers.map((n) => JSON.stringify(messageOf(n))),
        ])
      }
      await pool.query('VACUUM ANALYZE told')
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await pool.end()
    },
  }
}
