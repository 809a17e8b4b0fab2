import type { Database, Transaction } from '../../../ports/database.ts'
import { Semaphore } from '../semaphore.ts'

/**
 * How long one of our statements waits for a lock, in milliseconds. A process that is stopped in the midst keeps its
 * locks until the server ends its transaction.
 */
const lockWaitMs = 3_000

/** Together longer than the ten seconds after which the server ends an idle transaction. */
const attempts = 4

/**
 * Does whatever of a broker may wait for locks, one thing at a time. Of the framework's three connections it keeps one
 * at most, and the relay's appends another; so one is always left for reads and signs of life, which wait for no lock.
 */
export class Patience {
  readonly #database: Database
  readonly #turns = new Semaphore(1)

  constructor(database: Database) {
    this.#database = database
  }

  /** Tries again when another transaction was in the way; in between, it is the others' turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    for (let failed = 1; ; failed += 1) {
      const endTurn = await this.#turns.acquire()
      try {
        return await work()
      } catch (error) {
        if (failed === attempts || this.#database.faultOf(error) !== 'conflict') throw error
      } finally {
        endTurn()
      }
    }
  }

  /** A transaction whose locks are each waited for no longer than that. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const bounded = (transaction: Transaction) => {
      transaction.send({ text: `SET LOCAL lock_timeout = ${lockWaitMs}` })
      return work(transaction)
    }
    return this.run(() => this.#database.transaction(bounded, { share: 'system' }))
  }
}
