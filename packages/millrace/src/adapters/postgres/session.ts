import type pg from 'pg'
import { fail } from '../../core/errors.ts'
import { waitFor } from '../../core/wait.ts'
import type { Lease } from '../../ports/database.ts'
import type { PostgresConfig } from './config.ts'
import { connectDirectly, destroyClient } from './connections.ts'
import { faultOf } from './errors.ts'
import { runStatement } from './statement.ts'

const firstRetryMs = 100
const longestRetryMs = 5_000
/** How many signs of life the session gives in the time after which it counts as dead. */
const pulsesPerLiveness = 4

/**
 * The process's one long-lived session: notifications and session locks. It is made when first needed and made again
 * whenever it is lost. Locks die with it (their leases say so); listeners are called back, as they may have missed some.
 */
export class Session {
  readonly #config: PostgresConfig
  readonly #onSilence: () => void
  readonly #listeners = new Map<string, Set<() => void>>()
  /** By lock. PostgreSQL gives a session its own lock again; two callers in one process must not both get it. */
  readonly #leases = new Map<string, AbortController>()
  readonly #stopped = new AbortController()
  #client: Promise<pg.Client> | undefined
  /** The client whose loss is the session's. */
  #current: pg.Client | undefined
  #pulse: NodeJS.Timeout | undefined

  /** @param onSilence called when the server has given no answer for so long that every connection to it is in doubt */
  constructor(config: PostgresConfig, onSilence: () => void) {
    this.#config = config
    this.#onSilence = onSilence
  }

  /** See {@link Database.listen}. */
  async listen(channel: string, onNotify: () => void): Promise<() => Promise<void>> {
    const callbacks = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, callbacks.add(onNotify))
    const remove = async () => {
      if (callbacks.delete(onNotify) && callbacks.size === 0) this.#listeners.delete(channel)
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
    if (this.#leases.has(name)) return undefined
    const lost = new AbortController()
    this.#leases.set(name, lost)
    try {
      const client = await this.#connected()
      const { rows } = await runStatement<{ locked: boolean }>(client, lockSql('pg_try_advisory_lock'), [name])
      if (rows[0]?.locked) return { lost: lost.signal, release: () => this.#release(client, name, lost) }
      this.#forget(name, lost)
      return undefined
    } catch (error) {
      this.#forget(name, lost)
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    clearInterval(this.#pulse)
    const client = await this.#client?.catch(() => undefined)
    await client?.end().catch(() => {})
  }

  async #release(client: pg.Client, name: string, lost: AbortController): Promise<void> {
    if (this.#leases.get(name) !== lost) return
    await runStatement(client, lockSql('pg_advisory_unlock'), [name]).catch(() => {})
    this.#forget(name, lost)
  }

  #forget(name: string, lost: AbortController): void {
    if (this.#leases.get(name) === lost) this.#leases.delete(name)
  }

  #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client
    if (this.#stopped.signal.aborted) {
      return Promise.reject(fail('DATABASE_UNAVAILABLE', { problem: 'this connection to it was stopped' }))
    }
    const connecting = this.#connect()
    this.#client = connecting
    connecting.catch(() => {
      if (this.#client === connecting) this.#client = undefined
    })
    return connecting
  }

  async #connect(): Promise<pg.Client> {
    const client = await connectDirectly(this.#config)
    client.once('end', () => this.#onLost(client))
    client.on('notification', ({ channel }) => this.#call(this.#listeners.get(channel)))
    try {
      await runStatement(client, `SET idle_session_timeout = ${this.#config.sessionLivenessMs}`)
      for (const channel of this.#listeners.keys()) await runStatement(client, `LISTEN ${quoted(channel)}`)
      // The last answer and the end may have come in one turn of the event loop.
      if (client.connection.stream.destroyed) throw fail('DATABASE_UNAVAILABLE', { problem: 'the session was cut' })
    } catch (error) {
      destroyClient(client)
      throw error
    }
    this.#current = client
    this.#watch(client)
    return client
  }

  #watch(client: pg.Client): void {
    clearInterval(this.#pulse)
    this.#pulse = setInterval(() => void this.#feelPulse(client), this.#config.sessionLivenessMs / pulsesPerLiveness)
    this.#pulse.unref()
  }

  async #feelPulse(client: pg.Client): Promise<void> {
    let answered = false
    const judge = () => {
      if (answered || this.#current !== client) return
      destroyClient(client)
      this.#onSilence()
    }
    // Judged after what has arrived was read: it may be this process that was held up, and not the server.
    const late = setTimeout(() => setImmediate(judge), this.#config.sessionLivenessMs)
    await runStatement(client, 'SELECT 1').catch(() => destroyClient(client))
    answered = true
    clearTimeout(late)
  }

  #onLost(client: pg.Client): void {
    client.removeAllListeners('notification')
    if (this.#current !== client) return
    this.#current = undefined
    this.#client = undefined
    clearInterval(this.#pulse)
    for (const lease of this.#leases.values()) lease.abort()
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
  return `SELECT ${call}(${lockKey('$1')}) AS locked`
}

/** The key of a session lock; `name` is an expression of SQL. */
export function lockKey(name: string): string {
  return `hashtextextended('millrace:' || ${name}, 0)`
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}
