import type { Database } from '../ports/database.ts'
import type { Random } from '../testing/interleaving.fixture.ts'
import { type RelayStage, withoutLocks } from './relay.fixture.ts'
import type { Relay, RelayOptions } from './relay.ts'

type StartRelay = (options: Required<Pick<RelayOptions, 'database' | 'piece'>>) => Promise<Relay>

/** Two relays of different processes, which a seed stops, starts, kills, and lets lead without their lock. */
export class RivalRelays {
  readonly #stage: RelayStage
  readonly #random: Random
  readonly #startRelay: StartRelay
  readonly #names: readonly string[]
  readonly #databases: readonly Database[]
  readonly #relays: Relay[] = []

  constructor(stage: RelayStage, random: Random, name: string, startRelay: StartRelay) {
    this.#stage = stage
    this.#random = random
    this.#startRelay = startRelay
    this.#names = [`${name}-a`, `${name}-b`]
    this.#databases = this.#names.map((name) => stage.connect(name))
  }

  async start(): Promise<void> {
    for (const index of this.#names.keys()) await this.#start(index)
  }

  /** Says that something was committed, as its writer does. */
  wake(): void {
    this.#relays[this.#random.below(this.#relays.length)]?.wake()
  }

  async disturb(): Promise<void> {
    const index = this.#random.below(this.#names.length)
    if (this.#random.chance(50)) {
      await this.#relays[index]?.stop()
      await this.#start(index)
    } else {
      const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1'
      await this.#stage.database.query(sql, [this.#names[index]])
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()))
    await Promise.all(this.#databases.map((database) => database.stop()))
  }

  async #start(index: number): Promise<void> {
    const connected = this.#databases[index]
    if (!connected) return
    // One that was stopped and resumed believes that it leads, whoever holds the lock.
    const database = this.#random.chance(40) ? withoutLocks(connected) : connected
    const piece = { rows: 1 + this.#random.below(7), bytes: this.#random.chance(50) ? 400 : 1_000_000 }
    this.#relays[index] = await this.#startRelay({ database, piece })
  }
}
