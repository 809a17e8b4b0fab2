import type { Database } from '../../../ports/database.ts'
import type { LogConfig } from './config.ts'
import { Signal } from './signal.ts'

/** The retention is kept in so many slices. */
const slicesKept = 8
const shortestSliceMs = 1_000

/** Creates the slices of the log ahead of time and drops those older than the retention. */
export class Retention {
  readonly #config: LogConfig
  readonly #sliceMs: number
  readonly #ended = new Signal()
  #running: Promise<void> | undefined
  #stopped = false

  constructor(config: LogConfig) {
    this.#config = config
    // Whole seconds: they are in the slices' names. At most a day, so that a slice is analysed while it still grows.
    const share = Math.ceil(config.retentionMs / slicesKept / 1_000) * 1_000
    this.#sliceMs = Math.min(Math.max(share, shortestSliceMs), 24 * 3_600_000)
  }

  async start(): Promise<void> {
    await this.maintain()
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#ended.notify()
    await this.#running
  }

  /** Does it now. */
  async maintain(): Promise<void> {
    const { database, retentionMs } = this.#config
    await database.maintainSlices({
      table: 'millrace.log',
      sliceMs: this.#sliceMs,
      keepMs: retentionMs,
      mayDrop: async (slice) => {
        await recordStarts(database, slice)
        return true
      },
    })
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#ended.wait(Math.min(this.#sliceMs / 2, 3_600_000))
      if (this.#stopped) return
      await this.maintain().catch((error: unknown) => {
        this.#config.logger.warn({ err: error }, 'the slices of the log could not be maintained; tried again later')
      })
    }
  }
}

/**
 * Records that the partitions with records in a slice begin behind it. Each is locked against appends: one that is not
 * committed yet may have put its records into the slice, and its offsets must not be given a second time.
 */
async function recordStarts(database: Database, slice: string): Promise<void> {
  const { rows } = await database.on('system').query<{ id: number }>('SELECT id FROM millrace.log_topic ORDER BY id')
  for (const { id } of rows) {
    await database.transaction(
      (transaction) => transaction.query('SELECT millrace.log_start_behind($1, $2)', [slice, id]),
      { share: 'system' },
    )
  }
}
