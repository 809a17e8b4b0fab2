import type { Database } from '../ports/database.ts'
import type { Random, Turns } from '../testing/interleaving.fixture.ts'
import { type Counting, count, publishIn, type TestLane } from './relay.fixture.ts'

/** A key of a lane's topic. */
export interface LaneKey {
  readonly lane: TestLane
  readonly key: string
}

interface Step extends Counting {
  readonly lane: TestLane
  readonly undone: boolean
}

/** What one transaction does, decided by the seed before it begins. All its topics are of one lane. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Has its xid long before it publishes. */
  readonly earlyXid: boolean
  /** Turns between its last statement and its end. */
  readonly lateBy: number
  readonly rolledBack: boolean
  /** Waits once it has its xid, or once the outbox has its rows. */
  readonly held?: { readonly at: 'xid' | 'end'; readonly wait: () => Promise<void> }
}

class RolledBack extends Error {}

/** A transaction that counts some of the keys. What each step publishes says which step it was. */
export function planOf(random: Random, keys: readonly LaneKey[]): Plan {
  const steps = keys
    .filter(() => random.chance(60))
    .map(({ lane, key }) => ({
      lane,
      key,
      times: random.chance(10) ? 20 : 1 + random.below(3),
      undone: random.chance(15),
      padding: `step ${random.below(1_000_000_000)}`,
    }))
  return { steps, earlyXid: random.chance(30), lateBy: random.below(4), rolledBack: random.chance(20) }
}

/** Runs a plan; answers the steps that are committed. */
export async function write(database: Database, turns: Turns, plan: Plan): Promise<readonly Step[]> {
  const { steps, earlyXid, lateBy, rolledBack, held } = plan
  const [first] = steps
  if (!first) return []
  await turns.take()
  await database
    .transaction(async (transaction) => {
      if (earlyXid) await transaction.query('SELECT pg_current_xact_id()')
      if (held?.at === 'xid') await held.wait()
      await publishIn(transaction, first.lane, database, async (unit) => {
        for (const step of steps) {
          await turns.take()
          const part = async () => {
            await count(unit, step.lane, step)
            await turns.take()
            if (step.undone) throw new RolledBack()
          }
          await unit.attempt(part).catch(expectRolledBack)
        }
      })
      // The outbox has the rows now, with their numbers.
      await transaction.query('SELECT 1')
      if (held?.at === 'end') await held.wait()
      for (let turn = 0; turn < lateBy; turn += 1) await turns.take()
      if (rolledBack) throw new RolledBack()
    })
    .catch(expectRolledBack)
  return rolledBack ? [] : steps.filter(({ undone }) => !undone)
}

function expectRolledBack(error: unknown): void {
  if (!(error instanceof RolledBack)) throw error
}
