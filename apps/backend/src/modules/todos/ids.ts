import { fail } from 'millrace'
import type { AppDatabase } from '../../database.ts'
import { reserveIds, takenIds } from './store.ts'
import { largestId } from './todo.ts'

/** How many ids that clients chose are remembered; more are under way at once only under a flood. */
const mostRemembered = 10_000

/** Options of {@link TodoIds}. */
export interface TodoIdsOptions {
  /**
   * How long reserved ids are taken to be free before the table is asked again: a client or a foreign program may have
   * chosen one of them since. Under load that is one more query a second, otherwise one for each id.
   *
   * @default 1,000
   */
  readonly freshForMs?: number
}

/**
 * Gives out ids ahead of their rows, from blocks that a sequence reserves. Ids that rows have are skipped, and so are
 * those that clients of this process chose, whose rows may not be there yet. What is left is an id that is chosen
 * elsewhere within the same second: then the first row stays, as with any id that is chosen twice.
 */
export class TodoIds {
  readonly #freshForMs: number
  readonly #chosen = new Set<number>()
  #free: number[] = []
  #freeSince = 0
  #filling: Promise<void> | undefined

  constructor({ freshForMs = 1_000 }: TodoIdsOptions = {}) {
    this.#freshForMs = freshForMs
  }

  /** A client chose this id: it is not given out any more. */
  choose(id: number): void {
    this.#chosen.add(id)
    const [oldest] = this.#chosen
    if (this.#chosen.size > mostRemembered && oldest !== undefined) this.#chosen.delete(oldest)
  }

  /**
   * The next free id. Calls at the same time share one reservation.
   *
   * @param db what to reserve with, if need be
   * @throws IDS_EXHAUSTED
   */
  async next(db: AppDatabase): Promise<number> {
    for (;;) {
      const id = this.#take()
      if (id !== undefined) return id
      // Another's reservation may fail for a reason of its own transaction: then this call makes one itself.
      if (this.#filling) await this.#filling.catch(() => {})
      else await this.#fill(db)
    }
  }

  #take(): number | undefined {
    if (performance.now() - this.#freeSince > this.#freshForMs) return undefined
    for (;;) {
      const id = this.#free.shift()
      if (id === undefined || !this.#chosen.has(id)) return id
    }
  }

  #fill(db: AppDatabase): Promise<void> {
    this.#filling = (this.#free.length > 0 ? this.#check(db) : this.#reserve(db)).finally(() => {
      this.#filling = undefined
    })
    return this.#filling
  }

  async #reserve(db: AppDatabase): Promise<void> {
    const since = performance.now()
    const { first, ids } = await reserveIds(db)
    if (first > largestId) throw fail('IDS_EXHAUSTED', { what: 'todos', limit: largestId })
    this.#free = [...ids]
    this.#freeSince = since
  }

  async #check(db: AppDatabase): Promise<void> {
    const since = performance.now()
    const taken = new Set(await takenIds(db, this.#free))
    this.#free = this.#free.filter((id) => !taken.has(id))
    this.#freeSince = since
  }
}
