import { hash } from 'node:crypto'
import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'
import type { Position } from './positions.ts'

/** Keys that were held by all this worker knew are not any more, or the other way round: the chunk was rolled back. */
export class HeldKeysChanged extends Error {
  override readonly name = 'HeldKeysChanged'
}

/** What a key is known by in our tables: it may be longer than an index entry. */
export function keyHashOf(key: Uint8Array): string {
  return hash('md5', key, 'hex')
}

/**
 * The keys of a topic that a consumer holds, as a partition's worker knows them: their head failed, and their later
 * records wait behind it. Only the partition's owner parks records, so what it remembers is true but for keys that have been
 * let go of meanwhile; those it locks before it parks behind them.
 */
export class HeldKeys {
  readonly #idByHash = new Map<string, string>()

  /** Looks them up. */
  static async load(connection: Queryable, { consumerId, topicId }: Pick<Position, 'consumerId' | 'topicId'>) {
    const { rows } = await connection.query<{ id: string; hash: string }>({
      name: 'millrace_held_load',
      text: `SELECT id::text AS id, replace(key_hash::text, '-', '') AS hash FROM millrace.held_key
              WHERE consumer_id = $1 AND topic_id = $2`,
      values: [consumerId, topicId],
    })
    const keys = new HeldKeys()
    keys.merge(new Map(rows.map(({ id, hash }) => [hash, id])))
    return keys
  }

  /** Whether there is nothing to ask for; the common case, which costs no hash. */
  get isEmpty(): boolean {
    return this.#idByHash.size === 0
  }

  /** The id of a held key, by its hash; undefined for one that is not held. */
  idOf(hash: string): string | undefined {
    return this.#idByHash.get(hash)
  }

  has(key: Uint8Array | null): boolean {
    return key !== null && !this.isEmpty && this.#idByHash.has(keyHashOf(key))
  }

  /** Keys that are held from now on, with their ids by hash. */
  merge(ids: ReadonlyMap<string, string>): void {
    for (const [hash, id] of ids) this.#idByHash.set(hash, id)
  }
}

/**
 * Looks whether keys are held still, before work is done that would be in vain: by the time it ends, {@link lockHeld} asks
 * again.
 *
 * @throws HeldKeysChanged when one has been let go of
 */
export async function checkHeld(transaction: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const { rowCount } = await transaction.query({
    name: 'millrace_held_check',
    text: 'SELECT FROM millrace.held_key WHERE id = ANY ($1::bigint[])',
    values: [ids],
  })
  if (rowCount < ids.length) throw new HeldKeysChanged()
}

/**
 * Keeps held keys from being let go of until the transaction ends, as its last step but one.
 *
 * @throws HeldKeysChanged when one has been let go of
 */
export async function lockHeld(transaction: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const { rowCount } = await transaction.query({
    name: 'millrace_held_share',
    text: 'SELECT FROM millrace.held_key WHERE id = ANY ($1::bigint[]) ORDER BY id FOR SHARE',
    values: [ids],
  })
  if (rowCount < ids.length) throw new HeldKeysChanged()
}

/**
 * Holds keys; answers their ids by hash.
 *
 * @throws HeldKeysChanged when one is held already
 */
export async function holdKeys(
  transaction: Transaction,
  { consumerId, topicId }: Position,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (hashes.length === 0) return new Map()
  const { rows } = await transaction.query<{ id: string; hash: string }>({
    name: 'millrace_held_insert',
    text: `INSERT INTO millrace.held_key (consumer_id, topic_id, key_hash)
           SELECT $1, $2, given.hash FROM unnest($3::uuid[]) AS given (hash) ORDER BY given.hash
               ON CONFLICT DO NOTHING RETURNING id::text AS id, replace(key_hash::text, '-', '') AS hash`,
    values: [consumerId, topicId, hashes],
  })
  if (rows.length < hashes.length) throw new HeldKeysChanged()
  return new Map(rows.map(({ id, hash }) => [hash, id]))
}

/**
 * Lets the next record of a key go ahead, or lets go of the key when none waits and no dead letter does. To be the last
 * step of its transaction: whoever parks behind the key has it locked until then, or finds it gone.
 */
export async function release(transaction: Transaction, heldKeyId: string): Promise<void> {
  await transaction.query({
    name: 'millrace_held_lock',
    text: 'SELECT FROM millrace.held_key WHERE id = $1 FOR UPDATE',
    values: [heldKeyId],
  })
  // Statements of their own, which see what was parked until the lock was had.
  transaction.send({
    name: 'millrace_held_next',
    text: `UPDATE millrace.parked SET due_at = millrace.now()
            WHERE id = (SELECT min(id) FROM millrace.parked WHERE held_key_id = $1)`,
    values: [heldKeyId],
  })
  transaction.send({
    name: 'millrace_held_delete',
    text: `DELETE FROM millrace.held_key WHERE id = $1
              AND NOT EXISTS (SELECT FROM millrace.parked WHERE held_key_id = $1)
              AND NOT EXISTS (SELECT FROM millrace.dead_letter WHERE held_key_id = $1)`,
    values: [heldKeyId],
  })
}
