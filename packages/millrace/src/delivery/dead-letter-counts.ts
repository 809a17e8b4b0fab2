import type { Queryable } from '../core/unit.ts'

/** Counting ends here: a topic may be full of what cannot be decoded. */
const most = 10_000

/** How many dead letters a consumer has. */
export interface DeadLetterCount {
  /** Empty: those without a consumer. */
  readonly consumer: string
  /** Up to 10,000. */
  readonly records: number
}

const few = (where: string) =>
  `(SELECT count(*) FROM (SELECT FROM millrace.dead_letter WHERE ${where} LIMIT ${most}) few)::int AS records`

/** The dead letters of every consumer that has ever run, and those without one. */
export async function countDeadLetters(connection: Queryable): Promise<DeadLetterCount[]> {
  const { rows } = await connection.query<DeadLetterCount>(
    `SELECT c.name AS consumer, ${few('consumer_id = c.id')} FROM millrace.consumer c
      UNION ALL SELECT '', ${few('consumer_id IS NULL')}`,
  )
  return rows
}
