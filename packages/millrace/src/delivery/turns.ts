import type { Transaction } from '../ports/database.ts'

/** For so many chunks, once one has lost. */
const chunksInTurn = 200

/**
 * Whether a worker's chunks take turns with those of others. A chunk locks the rows of all its records in the order of
 * these, so where partitions, or consumers, update the same rows, their chunks deadlock again and again, and PostgreSQL
 * takes a second (`deadlock_timeout`) to find each one. Those that have lost a while ago go one after the other instead.
 */
export class Turns {
  #left = 0

  get areTaken(): boolean {
    return this.#left > 0
  }

  /** A chunk lost against another transaction. */
  lost(): void {
    this.#left = chunksInTurn
  }

  committed(): void {
    this.#left = Math.max(0, this.#left - 1)
  }
}

/** Waits, as the transaction's first statement, until no other one that takes turns is under way in the database. */
export function takeTurn(transaction: Transaction): void {
  transaction.send({
    name: 'millrace:turn',
    text: `SELECT pg_advisory_xact_lock(hashtextextended('millrace:turn', 0))`,
  })
}
