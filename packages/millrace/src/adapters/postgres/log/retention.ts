import { Signal } from '../../../core/signal.ts'
import type { LogConfig } from './config.ts'
import type { Patience } from './patience.ts'

const longestWaitMs = 3_600_000

/** Creates the slices of the log ahead of time and drops those older than the retention. */
export class Retention {
  readonly #config: LogConfig
  readonly #patience: Patience
  readonly #ended = new Signal()
  #running: Promise<void> | undefined
  #stopped = false

  constructor(config: LogConfig, patience: Patience) {
    this.#config = config
    this.#patience = patience
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
    const { database, retentionMs, sliceMs } = this.#config
    await database.maintainSlices({
      table: 'millrace.log',
      sliceMs,
      keepMs: retentionMs,
      mayDrop: (slice) => this.#recordStarts(slice),
    })
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#ended.wait(Math.min(this.#config.sliceMs / 2, longestWaitMs))
      if (this.#stopped) return
      await this.maintain().catch((error: unknown) => {
        this.#config.logger.warn({ err: error }, 'the slices of the log could not be maintained; tried again later')
      })
    }
  }

  /**
   * Records that the partitions with records in a slice begin behind it. Each is locked against appends: one that is not
   * committed yet may have put its records into the slice, and its offsets must not be given a second time. Answers false
   * when a lock could not be had: another time, then.
   */
  async #recordStarts(slice: string): Promise<boolean> {
    const { database } = this.#config
    const { rows } = await database.on('system').query<{ id: number }>('SELECT id FROM millrace.log_topics ORDER BY id')
    try {
      for (const { id } of rows) {
        await this.#patience.transaction((transaction) => {
          return transaction.query('SELECT millrace.log_start_behind($1, $2)', [slice, id])
        })
      }
      return true
    } catch (error) {
      if (database.faultOf(error) !== 'conflict') throw error
      return false
    }
  }
}
