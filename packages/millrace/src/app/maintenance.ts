import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Database, SlicedTable } from '../ports/database.ts'

/** Well below the time for which slices are made ahead. */
const everyMs = 5 * 60_000

/** Makes the slices of the framework's tables ahead of time and drops the old ones, at start and every few minutes. */
export class SliceMaintenance implements Part {
  readonly name = 'table slices'
  readonly #database: Database
  readonly #tables: readonly SlicedTable[]
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(database: Database, tables: readonly SlicedTable[], logger: Logger) {
    this.#database = database
    this.#tables = tables
    this.#logger = logger
  }

  async start(): Promise<void> {
    for (const table of this.#tables) await this.#database.maintainSlices(table)
    this.#timer = setInterval(() => {
      this.#running = this.#maintain()
    }, everyMs)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async #maintain(): Promise<void> {
    for (const table of this.#tables) {
      await this.#database.maintainSlices(table).catch((error: unknown) => {
        this.#logger.warn({ err: error, table: table.table }, 'table slices could not be maintained; it is tried again')
      })
    }
  }
}
