import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { OutgoingRecord, ProduceResult } from '../ports/broker.ts'
import type { Database, Lease, Transaction } from '../ports/database.ts'
import {
  defaultBounds,
  movePosition,
  nextBatch,
  nextPiece,
  type PieceBounds,
  type RelayPosition,
  readPosition,
} from './position.ts'
import { adoptRestored } from './restored.ts'

/** A broker that takes records in the transaction that moves the relay's position: each goes out exactly once. */
export interface TransactionalLog {
  readonly name: string
  /** Appends within a transaction. */
  appendIn(transaction: Transaction, records: readonly OutgoingRecord[]): Promise<ProduceResult[]>
  /** Wakes readers; called after the commit. */
  announce(results: readonly ProduceResult[]): void
}

/** What the relay carries between, and how. */
export interface RelayOptions {
  readonly database: Database
  readonly log: TransactionalLog
  readonly logger: Logger
  /** How much is handed on in one transaction. @default 1,000 records, 4 MiB */
  readonly piece?: PieceBounds
  /** How often a process that does not lead tries to, in milliseconds. @default 1,000 */
  readonly candidacyMs?: number
}

/** Notified when units have committed events. */
const outboxChannel = 'millrace_outbox'

/** Wake-ups come by signal; this is how late one that was missed is noticed. */
const pollMs = 250
const defaultCandidacyMs = 1_000

/** Another leader has moved the position. */
class LostLead extends Error {
  override readonly name = 'LostLead'
}

/**
 * Carries what units of work published from the outbox to its broker, in order. One process leads, by a session lock;
 * what makes it safe is not the lock but the compare-and-set of the position: a leader that was stopped and resumed after
 * another took over finds the position moved, and its transaction, records and all, is rolled back.
 */
export class Relay implements Part {
  readonly name = 'relay'
  readonly #options: Required<RelayOptions>
  readonly #stopped = new AbortController()
  #leading = false
  #wake: () => void = () => {}
  #woken = false
  #running: Promise<void> | undefined
  #unlisten: (() => Promise<void>) | undefined

  constructor(options: RelayOptions) {
    this.#options = { piece: defaultBounds, candidacyMs: defaultCandidacyMs, ...options }
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.database.listen(outboxChannel, () => this.#leading && this.#signal())
    this.#running = this.#run()
  }

  /** Hands on what is committed, then ends. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#signal()
    await this.#running
    await this.#unlisten?.()
  }

  /** Says that events have been committed by this process: wakes the leader, here or elsewhere. */
  wake(): void {
    if (this.#leading) this.#signal()
    else this.#options.database.notify(outboxChannel)
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        const lease = await this.#options.database.tryLock(`relay:${this.#options.log.name}`)
        if (lease) await this.#lead(lease)
        else await this.#wait(this.#options.candidacyMs)
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'the relay was interrupted; it goes on by itself')
        await this.#wait(this.#options.candidacyMs)
      }
    }
  }

  async #lead(lease: Lease): Promise<void> {
    this.#leading = true
    lease.lost.addEventListener('abort', () => this.#signal(), { once: true })
    try {
      await this.#relayUntilStopped(lease)
    } finally {
      this.#leading = false
      await lease.release()
    }
  }

  /** Once stopped, it ends the batch under way and hands on one more: others may go on publishing for ever. */
  async #relayUntilStopped(lease: Lease): Promise<void> {
    const { database, log } = this.#options
    let position = await this.#takeUp()
    let isLast = false
    while (!lease.lost.aborted) {
      if (this.#stopped.signal.aborted && position.target === undefined) {
        if (isLast) return
        isLast = true
      }
      const batch = await nextBatch(database.on('system'), log.name, position)
      const next = batch && (await this.#carry(position, batch))
      // A batch that did not move the position: another leader has.
      if (next) position = next
      else if (batch || this.#stopped.signal.aborted) return
      else await this.#wait(pollMs)
    }
  }

  async #takeUp(): Promise<RelayPosition> {
    const { database, log, logger } = this.#options
    if (await adoptRestored(database, log.name)) {
      logger.warn({ lane: log.name }, 'the database was restored from elsewhere: its outbox is relayed anew')
    }
    return readPosition(database.on('system'), log.name)
  }

  /** Appends the batch's next piece and moves the position, in one transaction; undefined when the position was moved. */
  async #carry(stored: RelayPosition, batch: RelayPosition): Promise<RelayPosition | undefined> {
    const { database, log, piece: bounds } = this.#options
    const piece = await nextPiece(database.on('system'), log.name, batch, bounds)
    try {
      const { moved, results } = await database.transaction(
        async (transaction) => {
          // Both share a flight. Where the position turns out to be moved, what was appended is rolled back.
          const [moved, results] = await Promise.all([
            movePosition(transaction, log.name, stored, piece.next),
            piece.records.length > 0 ? log.appendIn(transaction, piece.records) : [],
          ])
          if (!moved) throw new LostLead()
          return { moved, results: allTaken(results) }
        },
        { share: 'system' },
      )
      log.announce(results)
      return moved
    } catch (error) {
      if (error instanceof LostLead) return undefined
      throw error
    }
  }

  #signal(): void {
    this.#woken = true
    this.#wake()
  }

  async #wait(ms: number): Promise<void> {
    if (!this.#woken) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, ms)
      this.#wake = resolve
      await promise
      clearTimeout(timer)
      this.#wake = () => {}
    }
    this.#woken = false
  }
}

/** Nothing is passed over: a record that the log refuses (its topic was deleted) is tried again until it is taken. */
function allTaken(results: ProduceResult[]): ProduceResult[] {
  for (const result of results) if ('error' in result) throw result.error
  return results
}
