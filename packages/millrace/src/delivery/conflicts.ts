import type { Database, Transaction } from '../ports/database.ts'

const attempts = 5

/** Runs a transaction, again where it lost against another one. */
export async function transactionAgain<T>(
  database: Database,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction(work)
    } catch (error) {
      if (database.faultOf(error) !== 'conflict' || attempt === attempts) throw error
    }
  }
}
