import type { Backoff } from '../core/consumer.ts'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../ports/database.ts'
import { FencedPosition } from './fenced-position.ts'
import { HeldTopics } from './held-topics.ts'
import type { Lane } from './lanes.ts'
import type { RelayMetrics } from './metrics.ts'
import { type Outcome, outcomeOf, type ParkedRecord } from './outcome.ts'
import { parkedTopics, parkRecords } from './parked.ts'
import {
  nextBatch,
  nextPiece,
  type OutboxRecord,
  type Piece,
  type PieceBounds,
  type RelayPosition,
  readPosition,
} from './position.ts'
import { buryRefused, type CopyRefused, logRefused } from './refused.ts'
import { adoptRestored } from './restored.ts'

/** What a lane is carried with. */
export interface LeaderOptions {
  readonly database: Database
  readonly lane: Lane
  readonly logger: Logger
  readonly metrics: RelayMetrics
  readonly piece: PieceBounds
  readonly backoff: Backoff
  readonly copyRefused: CopyRefused
}

/** Carries a lane for as long as this process leads it. */
export class Leader {
  readonly #options: LeaderOptions
  readonly #position: FencedPosition
  readonly #held: HeldTopics
  /** The piece behind the one under way, and where it begins: read while that is carried. */
  #ahead: { readonly from: RelayPosition; readonly piece: Promise<Piece> } | undefined

  private constructor(options: LeaderOptions, position: FencedPosition) {
    this.#options = options
    this.#position = position
    this.#held = new HeldTopics({ ...options, position })
  }

  /** Takes a lane up where the last leader left it. */
  static async takeUp(options: LeaderOptions): Promise<Leader> {
    const { database, lane, logger } = options
    if (await adoptRestored(database, lane.name)) {
      logger.warn({}, 'the database was restored from elsewhere: its outbox is relayed anew')
    }
    const connection = database.on('system')
    const stored = await readPosition(connection, lane.name)
    const leader = new Leader(options, new FencedPosition(database, lane.name, stored))
    // After the position: whoever moves it later may park, but all that was parked before it is seen.
    leader.#held.holdAll(await parkedTopics(connection, lane.name))
    return leader
  }

  /** Whether everything up to some snapshot has been handed on or parked. */
  get isBetweenBatches(): boolean {
    return this.#position.stored.target === undefined
  }

  /**
   * Hands the next piece on; false when there is none.
   *
   * @throws LostLead, BROKER_UNAVAILABLE; then nothing has moved
   */
  async carryNext(): Promise<boolean> {
    const { database, lane, metrics, logger } = this.#options
    const batch = await nextBatch(database.on('system'), lane.name, this.#position.stored)
    if (!batch) return false
    const piece = await this.#pieceAt(batch)
    // Nothing overtakes what is parked of its topic.
    const { behind = [], free = [] } = Object.groupBy(piece.records, ({ topic }) =>
      this.#held.has(topic) ? 'behind' : 'free',
    )
    const { taken, parked, refused } = await this.#carry(piece, free, behind)
    metrics.settled(taken.length, parked.length, refused.length)
    logRefused(logger, refused)
    this.#held.holdFor(parked)
    return true
  }

  /** Resolves when nothing is under way. */
  async end(): Promise<void> {
    await this.#held.end()
    await this.#ahead?.piece.catch(() => {})
  }

  async #pieceAt(position: RelayPosition): Promise<Piece> {
    const ahead = this.#ahead
    this.#ahead = undefined
    const isAhead = ahead?.from.target === position.target && ahead?.from.seq === position.seq
    const piece = ahead && isAhead ? await ahead.piece : await this.#read(position)
    if (piece.next.target !== undefined) this.#readAhead(piece.next)
    return piece
  }

  #readAhead(from: RelayPosition): void {
    const piece = this.#read(from)
    // Looked at by nobody when the piece before it fails.
    piece.catch(() => {})
    this.#ahead = { from, piece }
  }

  #read(position: RelayPosition): Promise<Piece> {
    const { database, lane, piece: bounds } = this.#options
    return nextPiece(database.on('system'), lane.name, position, bounds)
  }

  /** Moves the position past a piece, of which the broker was given what is free, and parks what was not taken. */
  #carry(piece: Piece, free: readonly OutboxRecord[], behind: readonly OutboxRecord[]): Promise<Outcome> {
    const { lane, copyRefused } = this.#options
    return lane.carry(free, (results) =>
      this.#position.move(piece.next, async (transaction) => {
        const outcome = outcomeOf(free, await results(transaction))
        const parked: ParkedRecord[] = [...behind.map((record) => ({ record })), ...outcome.parked]
        parkRecords(transaction, lane.name, parked)
        buryRefused(transaction, outcome.refused, copyRefused)
        return { ...outcome, parked }
      }),
    )
  }
}
