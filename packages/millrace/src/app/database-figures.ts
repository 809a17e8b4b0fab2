import type { Logger } from '../core/logger.ts'
import { within } from '../core/wait.ts'
import { countDeadLetters, type DeadLetterCount } from '../delivery/index.ts'
import type { Metrics } from '../observability/index.ts'
import { type LaneBacklog, laneBacklogs, type ParkedBacklog, parkedBacklogs } from '../outbox/index.ts'
import type { Database } from '../ports/database.ts'

/** How long what the database said is good for: several scrapers, or processes, must not become its load. */
const freshMs = 5_000
/** How long a scrape waits for the database. */
const answerMs = 400
const gauges = ['outbox_records', 'outbox_age_seconds', 'outbox_parked_records', 'dead_letters'] as const

/** What the database said. */
interface Figures {
  readonly backlogs: readonly LaneBacklog[]
  readonly parked: readonly ParkedBacklog[]
  readonly dead: readonly DeadLetterCount[]
}

/**
 * What no process knows by itself. Whichever is scraped asks for it: one short transaction, at most every 5 s, over
 * indexes, with an end to each count.
 */
export class DatabaseFigures {
  readonly #metrics: Metrics
  readonly #database: Database
  readonly #lanes: readonly string[]
  readonly #logger: Logger
  #freshUntil = 0
  #asking: Promise<void> | undefined

  constructor(metrics: Metrics, database: Database, lanes: readonly string[], logger: Logger) {
    this.#metrics = metrics
    this.#database = database
    this.#lanes = lanes
    this.#logger = logger
  }

  /** Resolves soon, whether or not the database has answered; where it has not, its figures are left out. */
  async tell(): Promise<void> {
    if (performance.now() < this.#freshUntil) return
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    const asking = this.#asking
    if (!(await within(answerMs, () => asking))) this.#forget()
  }

  async #ask(): Promise<void> {
    try {
      await this.#database.transaction(
        async (transaction) => {
          transaction.send({
            text: `SET LOCAL statement_timeout = '2s'; SET LOCAL enable_seqscan = off; SET LOCAL jit = off`,
          })
          const [backlogs, parked, dead] = await Promise.all([
            laneBacklogs(transaction, this.#lanes),
            parkedBacklogs(transaction),
            countDeadLetters(transaction),
          ])
          this.#tellOf({ backlogs, parked, dead })
        },
        { share: 'system' },
      )
    } catch (error) {
      this.#logger.debug({ err: error }, 'the database could not be asked for its figures')
      this.#forget()
    }
  }

  #tellOf({ backlogs, parked, dead }: Figures): void {
    this.#forget()
    for (const { lane, records, ageSeconds } of backlogs) {
      this.#metrics.gauge('outbox_records').set({ lane }, records)
      this.#metrics.gauge('outbox_age_seconds').set({ lane }, ageSeconds)
    }
    for (const { lane, topic, records } of parked)
      this.#metrics.gauge('outbox_parked_records').set({ lane, topic }, records)
    for (const { consumer, records } of dead) this.#metrics.gauge('dead_letters').set({ consumer }, records)
    this.#metrics.gauge('database_answering').set(1)
    this.#freshUntil = performance.now() + freshMs
  }

  #forget(): void {
    for (const name of gauges) this.#metrics.gauge(name).reset()
    this.#metrics.gauge('database_answering').set(0)
  }
}
