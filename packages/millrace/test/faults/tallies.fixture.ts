import * as z from 'zod'
import { type Db, defineModule, defineRoutes, type Millrace } from '../../src/index.ts'
import { counts } from '../../src/live/channels.fixture.ts'

const snapshot = z.object({ data: z.int(), at: z.string() })

/** How far users have been counted, as data to load: `GET /tallies/anna`. */
export const tallies = defineModule({
  name: 'tallies',
  routes: defineRoutes((route, millrace) => {
    const schema = { params: z.object({ user: z.string() }), response: { 200: snapshot } }
    route.get('/:user', { schema }, ({ params }) => millrace.live.snapshot((db) => tallyOf(db, params.user)))
  }),
})

/** The table of it. */
export const createTallies = 'CREATE TABLE tally (owner text PRIMARY KEY, n int NOT NULL)'

async function tallyOf(db: Db, user: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>('SELECT n FROM tally WHERE owner = $1', [user])
  return rows[0]?.n ?? 0
}

/** Counts users on by one in a unit of work, and tells them; answers how far each has come. */
export function countOn(millrace: Millrace, users: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return millrace.transaction(async (unit) => {
    const tallies = new Map<string, number>()
    for (const user of users) {
      const { rows } = await unit.db.query<{ n: number }>(countUp, [user])
      const n = rows[0]?.n ?? 0
      tallies.set(user, n)
      unit.push(counts, user, { type: 'counted', data: { n } })
    }
    return tallies
  })
}

const countUp = `
  INSERT INTO tally AS known (owner, n) VALUES ($1, 1)
  ON CONFLICT (owner) DO UPDATE SET n = known.n + 1 RETURNING n`
