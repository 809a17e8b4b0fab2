import type { TestApp } from '../testing/index.ts'

/** How many pages a statement reads, from memory or not. */
export async function pagesOf(t: TestApp, statement: string): Promise<number> {
  const { rows } = await t.database.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`,
  )
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
}
