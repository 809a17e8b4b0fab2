import type { Database } from '../ports/database.ts'

/**
 * Gives a consumer that is new what its former name has parked, holds and has given up. Its positions are copied, and the
 * former name keeps its own; these it would only have left behind.
 */
export async function takeOverFrom(database: Database, consumerId: number, formerly: string): Promise<void> {
  const tables = ['held_key', 'parked', 'dead_letter']
  await database.transaction(async (transaction) => {
    for (const table of tables) {
      await transaction.query(
        `UPDATE millrace.${table} SET consumer_id = $1
          WHERE consumer_id = (SELECT id FROM millrace.consumer WHERE name = $2)
            AND NOT EXISTS (SELECT FROM millrace.position WHERE consumer_id = $1)`,
        [consumerId, formerly],
      )
    }
  })
}
