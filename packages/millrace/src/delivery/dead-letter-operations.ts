import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import { decodeHeaders, type RecordHeader } from '../core/record-headers.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import type { UnitRunner } from '../unit/index.ts'
import { type BulkOutcome, type BulkRequest, inBatches, type Judgement } from './bulk.ts'
import { transactionAgain } from './conflicts.ts'
import type { Controls } from './controls.ts'
import {
  type DeadLetterFilter,
  type DeadLetterRow,
  deadLetterColumns,
  selectDeadLetters,
} from './dead-letter-filter.ts'
import {
  audit,
  type DeadLetterAction,
  discardAll,
  lockDeadLetters,
  parkAgain,
  takeRefused,
} from './dead-letter-moves.ts'
import { consumerOfScope } from './scopes.ts'

/** So often one may be redriven before it takes `force`: what fails again and again goes round in circles. */
const mostRedriven = 10

/** A dead letter with all there is. */
export interface DeadLetterDetails extends DeadLetterRow {
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
  readonly stack: string | null
  /** How many later records of its key wait for it. */
  readonly waiting: number
}

/** What to do about dead letters. */
export interface DeadLetterRequest extends BulkRequest {
  readonly filter: DeadLetterFilter
  /** Who asks, for the audit. */
  readonly by: string
  /** Redrive those as well that have been redriven too often, and those of consumers that this app does not have. */
  readonly force?: boolean | undefined
}

/** Why a dead letter was left as it is. */
export type Skipped = 'gone' | 'redriven-too-often' | 'consumer-unknown' | 'topic-unknown'

/** What dead letters are seen to with. */
export interface DeadLetterOptions {
  readonly runner: UnitRunner
  readonly controls: Controls
  /** Those of this app. */
  readonly consumers: readonly Consumer[]
  /** Whether this app publishes to a topic. */
  readonly publishesTo: (topic: string) => boolean
}

/** What operators do about dead letters: look at them, bring them back, discard them. */
export class DeadLetterOperations {
  readonly #options: DeadLetterOptions
  readonly #topics: ReadonlyMap<string, ReadonlySet<string>>

  constructor(options: DeadLetterOptions) {
    this.#options = options
    this.#topics = new Map(
      options.consumers.map(({ name, topics }) => [name, new Set(topics.map((topic) => topic.name))]),
    )
  }

  /** Dead letters that fit, oldest first, from the one after `after`. */
  list(filter: DeadLetterFilter, after: string, limit: number): Promise<DeadLetterRow[]> {
    return selectDeadLetters(this.#options.runner.database, filter, { after, limit })
  }

  /** @throws DEAD_LETTER_UNKNOWN */
  async show(id: string): Promise<DeadLetterDetails> {
    const { rows } = await this.#options.runner.database.query<DeadLetterDetails & { readonly headers: Buffer }>(
      `SELECT ${deadLetterColumns}, d.value, d.headers, d.stack,
              (SELECT count(*)::int FROM millrace.parked p WHERE p.held_key_id = d.held_key_id) AS waiting
         FROM millrace.dead_letter d LEFT JOIN millrace.consumer c ON c.id = d.consumer_id WHERE d.id = $1`,
      [id],
    )
    const [found] = rows
    if (!found) throw fail('DEAD_LETTER_UNKNOWN', { id })
    return { ...found, headers: decodeHeaders(found.headers) }
  }

  /**
   * Has dead letters handled again: those of a consumer by it alone, ahead of the records that wait for them; refused
   * publishes by publishing them again, after all that their topics have got meanwhile.
   */
  redrive(request: DeadLetterRequest): Promise<BulkOutcome<Skipped>> {
    return this.#run(request, 'redrive', (letter) => this.#obstacle(letter, request.force ?? false))
  }

  /** Deletes dead letters; the records that wait for them go on. */
  discard(request: DeadLetterRequest): Promise<BulkOutcome<Skipped>> {
    return this.#run(request, 'discard', () => undefined)
  }

  #run(
    request: DeadLetterRequest,
    action: DeadLetterAction,
    obstacle: (letter: DeadLetterRow) => Skipped | undefined,
  ): Promise<BulkOutcome<Skipped>> {
    const { database } = this.#options.runner
    const judge = (letters: readonly DeadLetterRow[]) => judged(letters, obstacle)
    const act = async (letters: readonly DeadLetterRow[]) => {
      const ids = letters.map(({ id }) => id)
      const { done, skipped } = await this.#act(ids, { action, by: request.by }, judge)
      const locked = new Set([...done, ...skipped.map(({ id }) => id)])
      return {
        done,
        skipped: [...skipped, ...ids.filter((id) => !locked.has(id)).map((id) => ({ id, why: 'gone' as const }))],
      }
    }
    return inBatches(database, request, request.dryRun ? async (letters) => judge(letters) : act)
  }

  async #act(
    ids: readonly string[],
    what: { readonly action: DeadLetterAction; readonly by: string },
    judge: (letters: readonly DeadLetterRow[]) => Judgement<Skipped>,
  ): Promise<Judgement<Skipped>> {
    const { runner, controls } = this.#options
    const { judgement, published } = await transactionAgain(runner.database, async (transaction) => {
      const locked = await lockDeadLetters(transaction, ids)
      const judgement = judge(locked)
      const chosen = locked.filter(({ id }) => judgement.done.includes(id))
      audit(transaction, what, chosen)
      if (what.action === 'redrive') return { judgement, published: await this.#redrive(transaction, chosen) }
      await discardAll(transaction, chosen)
      return { judgement, published: [] }
    })
    if (published.length > 0) runner.published(published)
    if (judgement.done.length > 0) await controls.announce()
    return judgement
  }

  /** Answers what was published again, as the transaction's last step. */
  async #redrive(transaction: Transaction, letters: readonly DeadLetterRow[]): Promise<OutgoingRecord[]> {
    const failed = letters.filter(({ consumerId }) => consumerId !== null)
    const refused = letters.filter(({ consumerId }) => consumerId === null)
    if (failed.length > 0) parkAgain(transaction, failed)
    if (refused.length === 0) return []
    const records = await takeRefused(transaction, refused)
    this.#options.runner.write(transaction, records)
    return records
  }

  #obstacle({ consumer, topic, redriven }: DeadLetterRow, force: boolean): Skipped | undefined {
    if (redriven >= mostRedriven && !force) return 'redriven-too-often'
    if (consumer === null) return this.#options.publishesTo(topic) ? undefined : 'topic-unknown'
    const topics = this.#topics.get(consumerOfScope(consumer))
    // It would wait until some process has the consumer: a worker of other modules, or never.
    if (!topics) return force ? undefined : 'consumer-unknown'
    return topics.has(topic) ? undefined : 'topic-unknown'
  }
}

function judged(
  letters: readonly DeadLetterRow[],
  obstacle: (letter: DeadLetterRow) => Skipped | undefined,
): Judgement<Skipped> {
  const found = letters.map((letter) => ({ id: letter.id, why: obstacle(letter) }))
  return {
    done: found.filter(({ why }) => why === undefined).map(({ id }) => id),
    skipped: found.flatMap(({ id, why }) => (why === undefined ? [] : [{ id, why }])),
  }
}
