import type { DecodedRecord } from '../contracts/index.ts'
import { encodeHeaders } from '../core/record-headers.ts'
import type { Transaction } from '../ports/database.ts'
import { type DeadLetter, describeFailure, writeDeadLetters } from './dead-letters.ts'
import { checkHeld, type HeldKeys, holdKeys, keyHashOf, lockHeld } from './held-keys.ts'
import type { Position } from './positions.ts'

/** What is to become of a record that failed. */
export interface Verdict {
  readonly error: unknown
  /** How often it was handled. */
  readonly attempts: number
  /** How long it waits for its next attempt, in milliseconds; undefined: it is given up. */
  readonly waitMs: number | undefined
}

/** Of a record that has not been handled yet: it is now, apart from its partition. */
const deferred: Verdict = { error: undefined, attempts: 0, waitMs: 0 }

interface ParkedRecord {
  readonly decoded: DecodedRecord
  /** Of its key; undefined for one without a key, which holds nobody. */
  readonly hash: string | undefined
  /** Of a head; those behind it have none. */
  readonly verdict: Verdict | undefined
}

interface DeadRecord extends DeadLetter {
  /** Of the key that waits for it. */
  readonly hash?: string | undefined
}

/**
 * What a pass over a chunk does not handle: records that failed, the later ones of their keys behind them, and what can
 * never be handled. Kept until it is written in the pass's transaction.
 */
export class Parking {
  readonly #held: HeldKeys
  readonly #holdsDead: boolean
  /** Keys that this pass begins to hold. */
  readonly #newlyHeld = new Set<string>()
  /** Ids of keys, held before, that records were parked behind. */
  readonly #joined = new Set<string>()
  readonly #parked: ParkedRecord[] = []
  readonly #dead: DeadRecord[] = []

  /** @param holdsDead whether later records wait for one of their key that is given up */
  constructor(held: HeldKeys, holdsDead: boolean) {
    this.#held = held
    this.#holdsDead = holdsDead
  }

  get parked(): number {
    return this.#parked.length
  }

  /** Records that failed and are tried again. */
  get failed(): readonly { readonly offset: number; readonly verdict: Verdict }[] {
    return this.#parked.flatMap(({ decoded, verdict }) =>
      verdict && verdict !== deferred ? [{ offset: decoded.record.offset, verdict }] : [],
    )
  }

  get deadLetters(): readonly DeadLetter[] {
    return this.#dead
  }

  /** Parks a record that waits behind another one of its key; answers whether it does. */
  keepsBack(decoded: DecodedRecord): boolean {
    const { key } = decoded.record
    // The common case costs no hash. What cannot be decoded waits for nobody.
    if (key === null || (this.#held.isEmpty && this.#newlyHeld.size === 0) || !decoded.event) return false
    const hash = keyHashOf(key)
    const heldId = this.#held.idOf(hash)
    if (heldId === undefined && !this.#newlyHeld.has(hash)) return false
    if (heldId !== undefined) this.#joined.add(heldId)
    this.#parked.push({ decoded, hash, verdict: undefined })
    return true
  }

  /**
   * Looks whether the keys that records were parked behind are held still.
   *
   * @throws HeldKeysChanged
   */
  check(transaction: Transaction): Promise<void> {
    return checkHeld(transaction, [...this.#joined])
  }

  /** Parks a record that is not to hold up its partition, as the head of its key. */
  defer(decoded: DecodedRecord): void {
    this.fail(decoded, deferred)
  }

  /** Parks a record that failed, as the head of its key, or makes a dead letter of it. */
  fail(decoded: DecodedRecord, verdict: Verdict): void {
    const { key } = decoded.record
    const hash = key === null ? undefined : keyHashOf(key)
    const isGivenUp = verdict.waitMs === undefined
    if (hash !== undefined && (!isGivenUp || this.#holdsDead)) this.#newlyHeld.add(hash)
    if (!isGivenUp) this.#parked.push({ decoded, hash, verdict })
    else this.#dead.push({ record: decoded.record, ...verdict, hash: this.#holdsDead ? hash : undefined })
  }

  /** Makes a dead letter, which holds nobody, of what cannot be decoded. */
  bury({ record }: DecodedRecord, problem: unknown): void {
    this.#dead.push({ record, error: problem, attempts: 0 })
  }

  /**
   * Writes all of it, as the transaction's last step before the outbox; answers the ids of keys that are held from then
   * on, by hash.
   *
   * @throws HeldKeysChanged
   */
  async write(transaction: Transaction, position: Position): Promise<ReadonlyMap<string, string>> {
    await lockHeld(transaction, [...this.#joined])
    const newIds = await holdKeys(transaction, position, [...this.#newlyHeld])
    const idOf = (hash: string | undefined) =>
      hash === undefined ? null : (newIds.get(hash) ?? this.#held.idOf(hash) ?? null)
    const parked = this.#inLine().map((row) => ({ ...row, heldKeyId: idOf(row.hash) }))
    const dead = this.#dead.map((letter) => ({ ...letter, heldKeyId: idOf(letter.hash) }))
    parkRecords(transaction, position, parked)
    writeDeadLetters(transaction, position, dead)
    return newIds
  }

  /**
   * What is parked, in the order of the log, with one head a key. A record may have failed before one of its key that had
   * been deferred already; that one then waits behind it.
   */
  #inLine(): readonly ParkedRecord[] {
    const heads = new Map<string, number>()
    for (const { hash, offset } of this.#heads()) heads.set(hash, Math.min(offset, heads.get(hash) ?? offset))
    return this.#parked
      .map((row) => (row.hash === undefined || heads.get(row.hash) === row.decoded.record.offset ? row : behind(row)))
      .sort((a, b) => a.decoded.record.offset - b.decoded.record.offset)
  }

  *#heads(): Generator<{ hash: string; offset: number }> {
    for (const { hash, verdict, decoded } of this.#parked) {
      if (hash !== undefined && verdict) yield { hash, offset: decoded.record.offset }
    }
    for (const { hash, record } of this.#dead) if (hash !== undefined) yield { hash, offset: record.offset }
  }
}

function behind(row: ParkedRecord): ParkedRecord {
  return { ...row, verdict: undefined }
}

const insert = `
  INSERT INTO millrace.parked (consumer_id, topic, topic_id, partition, generation, held_key_id, "offset", recorded_at, key,
                               value, headers, attempts, due_at, code, reason, stack)
  SELECT $1, $2, $3, $4, $5, given.held_key_id, given."offset", to_timestamp(given.ms / 1000), given.key, given.value,
         given.headers, given.attempts, millrace.now() + given.wait_ms * interval '1 millisecond', given.code,
         given.reason, given.stack
    FROM unnest($6::bigint[], $7::bigint[], $8::float8[], $9::bytea[], $10::bytea[], $11::bytea[], $12::int[],
                $13::float8[], $14::text[], $15::text[], $16::text[]) WITH ORDINALITY
           AS given (held_key_id, "offset", ms, key, value, headers, attempts, wait_ms, code, reason, stack, place)
   ORDER BY place`

function parkRecords(
  transaction: Transaction,
  { consumerId, topic, topicId, partition, generation }: Position,
  parked: readonly (ParkedRecord & { readonly heldKeyId: string | null })[],
): void {
  if (parked.length === 0) return
  const records = parked.map(({ decoded }) => decoded.record)
  const failures = parked.map(({ verdict }) =>
    verdict && verdict !== deferred ? describeFailure(verdict.error) : undefined,
  )
  transaction.send({
    name: 'millrace_park',
    text: insert,
    values: [
      consumerId,
      topic,
      topicId,
      partition,
      generation,
      parked.map(({ heldKeyId }) => heldKeyId),
      records.map(({ offset }) => offset),
      records.map(({ timestamp }) => timestamp),
      records.map(({ key }) => key),
      records.map(({ value }) => value),
      records.map(({ headers }) => encodeHeaders(headers)),
      parked.map(({ verdict }) => verdict?.attempts ?? 0),
      parked.map(({ verdict }) => verdict?.waitMs ?? null),
      failures.map((failure) => failure?.code ?? null),
      failures.map((failure) => failure?.reason ?? null),
      failures.map((failure) => failure?.stack ?? null),
    ],
  })
}
