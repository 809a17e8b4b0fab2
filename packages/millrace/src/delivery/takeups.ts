import { fail } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Queryable } from '../core/unit.ts'
import type { Backlog } from './backlog.ts'
import { PositionMoved } from './chunk.ts'
import { type Position, putDown, takeUp } from './positions.ts'

/** Once handling has begun so often without coming to an end, records go one by one … */
const suspiciousTakeups = 3
/** … and then the first of them is what ends or hangs the process. */
export const convictingTakeups = 6

/**
 * Notes in the database that a worker begins to handle, and that it came to an end: a record that ends or hangs its process
 * leaves no other trace.
 */
export class Takeups {
  readonly #connection: Queryable
  readonly #logger: Logger
  #state: 'to note' | 'noted' | 'over' = 'to note'

  constructor(connection: Queryable, logger: Logger) {
    this.#connection = connection
    this.#logger = logger
  }

  /** Whether nothing has been handled yet, nor begun. */
  get isToNote(): boolean {
    return this.#state === 'to note'
  }

  /**
   * Handling begins; where it has begun too often, what is in the backlog is suspected. Answers the position's new fence.
   *
   * @throws PositionMoved
   */
  async note(position: Position, backlog: Backlog): Promise<Position> {
    const taken = await takeUp(this.#connection, position)
    if (!taken) throw new PositionMoved()
    this.#state = 'noted'
    if (taken.takeups > suspiciousTakeups) this.#suspect(taken.takeups, backlog)
    return taken.position
  }

  /** Something was committed: the next takeup is counted anew. */
  committed(): void {
    this.#state = 'over'
  }

  /** The worker ends, in order. A process that is gone, or hung, does not come here. */
  async putDown(position: Position | undefined): Promise<void> {
    if (this.#state !== 'noted' || !position) return
    await putDown(this.#connection, position).catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'the end of handling could not be noted')
    })
  }

  #suspect(takeups: number, backlog: Backlog): void {
    this.#logger.error({ takeups }, 'handling began here again and again and never ended; records go one by one')
    backlog.goAlone()
    if (takeups > convictingTakeups) backlog.convict(fail('RECORD_ENDS_PROCESS', { times: takeups - 1 }))
  }
}
