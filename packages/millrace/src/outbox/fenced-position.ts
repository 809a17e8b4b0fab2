import type { Database, Transaction } from '../ports/database.ts'
import { type ParkedRange, readParked } from './parked.ts'
import { movePosition, type OutboxRecord, type RelayPosition } from './position.ts'

/** Another leader has moved the position. */
export class LostLead extends Error {
  override readonly name = 'LostLead'
}

/**
 * A lane's position, as its leader knows it. Whatever a leader changes, it changes in a transaction that moves the
 * position by compare-and-set: one that was stopped and resumed after another took over changes nothing. What goes on at
 * the same time in this process takes turns.
 */
export class FencedPosition {
  readonly #database: Database
  readonly #lane: string
  #stored: RelayPosition
  #lost = false
  #turns: Promise<unknown> = Promise.resolve()

  constructor(database: Database, lane: string, stored: RelayPosition) {
    this.#database = database
    this.#lane = lane
    this.#stored = stored
  }

  /** @throws LostLead when that is known already */
  get stored(): RelayPosition {
    if (this.#lost) throw new LostLead()
    return this.#stored
  }

  /**
   * Moves the position, or only marks it as moved where `to` is undefined, and does `work` in the same transaction.
   *
   * @throws LostLead, and what `work` throws
   */
  move<T>(to: RelayPosition | undefined, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const from = this.stored
      const { moved, result } = await this.#database.transaction(
        async (transaction) => {
          // Both share a flight. Where the position turns out to be moved, what was written is rolled back.
          const [moved, result] = await Promise.all([
            movePosition(transaction, this.#lane, from, to ?? from),
            work(transaction),
          ])
          if (!moved) throw this.#lose()
          return { moved, result }
        },
        { share: 'system' },
      )
      this.#stored = moved
      return result
    })
  }

  /**
   * A topic's next parked rows.
   *
   * @throws LostLead
   */
  readParked(range: Omit<ParkedRange, 'lane'>): Promise<OutboxRecord[]> {
    return this.#inTurn(async () => {
      const records = await readParked(this.#database.on('system'), this.stored, { lane: this.#lane, ...range })
      if (!records) throw this.#lose()
      return records
    })
  }

  #lose(): LostLead {
    this.#lost = true
    return new LostLead()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => {})
    return turn
  }
}
