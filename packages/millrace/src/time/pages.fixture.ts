import type { TestApp } from '../testing/index.ts'

/** The least of some measurements: the first ones of a connection read catalogues besides. */
export async function least(measure: () => Promise<number>): Promise<number> {
  const measured: number[] = []
  while (measured.length < 6) measured.push(await measure())
  return Math.min(...measured)
}

/** How many pages a statement reads, from memory or not. */
export async function pagesOf(t: TestApp, statement: string): Promise<number> {
  const { rows } = await t.database.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`,
  )
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
}
