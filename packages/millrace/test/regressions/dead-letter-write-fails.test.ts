import { expect, test } from 'vitest'
import {
  countOf,
  effectsOf,
  numbers,
  publishSteps,
  startSteps,
  stepsConsumer,
} from '../../src/delivery/operations.fixture.ts'
import type { TestApp } from '../../src/testing/index.ts'

test.each([
  ['the disk is full', '53100'],
  ['the right to it was taken', '42501'],
])(
  'a dead letter that cannot be written, as %s: nothing is passed or lost, and it goes on by itself when it can',
  async (_, code) => {
    await using t = await startSteps([stepsConsumer('steps', new Set(['a/1']))])
    await refuseDeadLetters(t, code)
    await publishSteps(t, ['a', 'b'], 0, 3)
    await expect.poll(() => effectsOf(t, 'steps')).toEqual({ a: [0], b: numbers(3) })
    await t.produce({ topic: 'steps', key: Buffer.from('c'), value: Buffer.from('{') })
    await publishSteps(t, ['b'], 3, 5)

    // Often enough that the worker has looked for the one record whose fault it could be.
    const refused = await refusals(t)
    await expect.poll(() => refusals(t), { timeout: 20_000 }).toBeGreaterThan(refused + 12)
    expect(await positionOf(t)).toBe(6)
    expect(await countOf(t, 'dead_letter')).toBe(0)
    expect(await countOf(t, 'parked')).toBe(2)

    await t.database.query('DROP TRIGGER refuse ON millrace.dead_letter')
    await t.settled()
    expect(await effectsOf(t, 'steps')).toEqual({ a: [0], b: numbers(5) })
    const { rows } = await t.database.query('SELECT code, reason FROM millrace.dead_letter ORDER BY code')
    expect(rows).toEqual([
      { code: 'Error', reason: 'a/1 fails' },
      { code: 'RECORD_UNDECODABLE', reason: expect.any(String) },
    ])
    expect(await countOf(t, 'parked')).toBe(1)
  },
)

/** Every row is refused from now on, and counted. */
async function refuseDeadLetters({ database }: TestApp, code: string): Promise<void> {
  await database.query(`
    CREATE SEQUENCE refusals;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM nextval('refusals');
      RAISE EXCEPTION 'refused' USING ERRCODE = '${code}';
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON millrace.dead_letter FOR EACH ROW EXECUTE FUNCTION refuse()`)
}

async function refusals({ database }: TestApp): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int AS count FROM refusals',
  )
  return rows[0]?.count ?? 0
}

async function positionOf({ database }: TestApp): Promise<number> {
  const { rows } = await database.query<{ next: number }>('SELECT next_offset::int AS next FROM millrace.position')
  return rows[0]?.next ?? 0
}
