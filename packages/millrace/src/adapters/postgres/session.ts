import type pg from 'pg'
import { waitFor } from '../../core/wait.ts'
import type { Lease } from '../../ports/database.ts'
import type { PostgresConfig } from './config.ts'
import { connectDirectly } from './connections.ts'
import { faultOf } from './errors.ts'
import { runStatement } from './statement.ts'

const firstRetryMs = 100
const longestRetryMs = 5_000
/** How often the session gives a sign of life. */
const pulseMs = 2_500
/**
 * After how long without one the server ends the session, and frees its locks: a stopped process (SIGSTOP) neither
 * talks nor closes its connection. Likewise how long we wait for the server's.
 */
const livenessMs = 10_000

/**
 * The process's one long-lived session: notifications and session locks. It is made when first needed and made again
 * whenever it is lost. Locks die with it (their leases say so); listeners are called back, as they may have missed some.
 */
export class Session {
  readonly #config: PostgresConfig
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #leases = new Set<AbortController>()
  #client: Promise<pg.Client> | undefined
  #stopped = new AbortController()
  #pulse: NodeJS.Timeout | undefined

  constructor(config: PostgresConfig) {
    this.#config = config
  }

  /** See {@link Database.listen}. */
  async listen(channel: string, onNotify: () => void): Promise<() => Promise<void>> {
    const callbacks = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, callbacks.add(onNotify))
    const remove = async () => {
      callbacks.delete(onNotify)
    }
    try {
      await this.#listenOn(await this.#connected(), channel)
    } catch (error) {
      await remove()
      throw error
    }
    return remove
  }

  /** Of several who come at the same time none knows whether another has done it; and it does no harm to do it twice. */
  async #listenOn(client: pg.Client, channel: string): Promise<void> {
    try {
      await runStatement(client, `LISTEN ${quoted(channel)}`)
    } catch (error) {
      // A session that was lost meanwhile is made again, and listens to every channel.
      if (faultOf(error) !== 'unavailable') throw error
    }
  }

  /** See {@link Database.tryLock}. */
  async tryLock(name: string): Promise<Lease | undefined> {
    const client = await this.#connected()
    const { rows } = await runStatement<{ locked: boolean }>(client, lockSql('pg_try_advisory_lock'), [name])
    if (!rows[0]?.locked) return undefined
    const lost = new AbortController()
    this.#leases.add(lost)
    return { lost: lost.signal, release: () => this.#release(client, name, lost) }
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    clearInterval(this.#pulse)
    const client = await this.#client?.catch(() => undefined)
    await client?.end().catch(() => {})
  }

  async #release(client: pg.Client, name: string, lost: AbortController): Promise<void> {
    if (!this.#leases.delete(lost)) return
    await runStatement(client, lockSql('pg_advisory_unlock'), [name]).catch(() => {})
  }

  #connected(): Promise<pg.Client> {
    if (!this.#client) {
      this.#client = this.#connect()
      this.#client.catch(() => {
        this.#client = undefined
      })
    }
    return this.#client
  }

  async #connect(): Promise<pg.Client> {
    const client = await connectDirectly(this.#config)
    await runStatement(client, `SET idle_session_timeout = ${livenessMs}`)
    client.on('notification', ({ channel }) => this.#call(this.#listeners.get(channel)))
    client.once('end', () => this.#onLost(client))
    this.#watch(client)
    for (const channel of this.#listeners.keys()) await runStatement(client, `LISTEN ${quoted(channel)}`)
    return client
  }

  #watch(client: pg.Client): void {
    clearInterval(this.#pulse)
    this.#pulse = setInterval(() => {
      const late = setTimeout(() => destroy(client), livenessMs)
      runStatement(client, 'SELECT 1')
        .catch(() => destroy(client))
        .finally(() => clearTimeout(late))
    }, pulseMs)
    this.#pulse.unref()
  }

  #onLost(client: pg.Client): void {
    client.removeAllListeners('notification')
    this.#client = undefined
    for (const lease of this.#leases) lease.abort()
    this.#leases.clear()
    if (this.#stopped.signal.aborted) return
    this.#config.logger.warn({}, 'the database session was lost; connecting again')
    void this.#reconnect(firstRetryMs)
  }

  async #reconnect(waitMs: number): Promise<void> {
    await waitFor(waitMs, this.#stopped.signal)
    if (this.#stopped.signal.aborted) return
    try {
      await this.#connected()
      for (const callbacks of this.#listeners.values()) this.#call(callbacks)
    } catch {
      void this.#reconnect(Math.min(longestRetryMs, waitMs * 2))
    }
  }

  #call(callbacks: Iterable<() => void> | undefined): void {
    for (const callback of callbacks ?? []) callback()
  }
}

function lockSql(call: 'pg_try_advisory_lock' | 'pg_advisory_unlock'): string {
  return `SELECT ${call}(hashtextextended('millrace:' || $1, 0)) AS locked`
}

/** Ends the socket at once: the server may be beyond answering a polite end. */
function destroy(client: pg.Client): void {
  client.connection.stream.destroy()
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}
