import { setTimeout as sleep } from 'node:timers/promises'
import type { Queryable } from '../core/unit.ts'
import { type DeadLetterFilter, type DeadLetterRow, latestDeadLetter, selectDeadLetters } from './dead-letter-filter.ts'

/** So many in one transaction, at most. */
const batchSize = 50
/** A call ends after so long and says where to go on: nobody waits for a request for minutes. */
const longestMs = 5_000
/** So many of those that were left as they are are named. */
const mostNamed = 100

/** How many dead letters are seen to, and how fast. */
export interface BulkRequest {
  readonly filter: DeadLetterFilter
  /** How many at most. */
  readonly max: number
  /** How many a second at most. Default: as many as can be. */
  readonly rate?: number | undefined
  /** Only looks which ones. */
  readonly dryRun?: boolean | undefined
  /** Where an earlier call ended: its `next`. */
  readonly from?: BulkCursor | undefined
}

/**
 * Where to go on. It keeps the newest dead letter that there was at the beginning: one that fails again is a new dead
 * letter, and is not to be seen to again by the same request.
 */
export interface BulkCursor {
  readonly after: string
  readonly upTo: string
}

/** What becomes of some dead letters, by their ids. */
export interface Judgement<Why> {
  readonly done: readonly string[]
  readonly skipped: readonly { readonly id: string; readonly why: Why }[]
}

/** What became of dead letters. */
export interface BulkOutcome<Why> {
  readonly done: number
  readonly skipped: number
  /** Why some were left as they are; the first of them. */
  readonly reasons: Judgement<Why>['skipped']
  /** Where to go on; undefined: all have been seen to. */
  readonly next: BulkCursor | undefined
}

/** Sees to the dead letters that fit, oldest first, in batches, until it has done enough, or for long enough. */
export async function inBatches<Why>(
  connection: Queryable,
  { filter, max, rate, dryRun, from }: BulkRequest,
  act: (letters: readonly DeadLetterRow[]) => Promise<Judgement<Why>>,
): Promise<BulkOutcome<Why>> {
  const deadline = performance.now() + longestMs
  const upTo = from?.upTo ?? (await latestDeadLetter(connection))
  const reasons: Judgement<Why>['skipped'][number][] = []
  let after = from?.after ?? '0'
  let done = 0
  let skipped = 0
  while (done < max && performance.now() < deadline) {
    const limit = Math.min(batchSize, max - done, pieceOf(rate))
    const letters = await selectDeadLetters(connection, filter, { after, upTo, limit })
    const last = letters.at(-1)
    if (!last) return { done, skipped, reasons, next: undefined }
    const judgement = await act(letters)
    after = last.id
    done += judgement.done.length
    skipped += judgement.skipped.length
    reasons.push(...judgement.skipped.slice(0, mostNamed - reasons.length))
    if (rate !== undefined && !dryRun) await sleep((1_000 * judgement.done.length) / rate)
  }
  return { done, skipped, reasons, next: { after, upTo } }
}

/** A tenth of a second's: what is to come at a rate is not to come in bursts. */
function pieceOf(rate: number | undefined): number {
  return rate === undefined ? batchSize : Math.max(1, Math.floor(rate / 10))
}
