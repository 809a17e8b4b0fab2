import { expect } from 'vitest'
import type { TestDatabase } from '../../src/testing/index.ts'
import { createAppDatabase } from '../../src/testing/test-app.ts'
import type { ChildOptions } from '../faults/app.fixture.ts'
import { type ChildApp, partitionsOf, startChildApp } from '../faults/child-app.ts'
import { flawless, Ledger } from '../faults/ledger.ts'
import { Observer } from '../faults/observer.ts'
import { directMarks, outboxMarks, spine } from '../faults/spine.fixture.ts'
import { Traffic } from '../faults/traffic.ts'
import { until } from '../faults/until.ts'
import { brokers } from './cluster.fixture.ts'

const keys = 4

/** How many partitions there are: of two topics of one consumer, and one of the other. */
export const allPartitions = 3 * 4

/** Whether each of the apps has partitions, and none is nobody's. */
export async function areShared(apps: readonly ChildApp[]): Promise<boolean> {
  const shares = await Promise.all(apps.map(partitionsOf))
  return shares.every((share) => share > 0) && shares.reduce((sum, share) => sum + share, 0) === allPartitions
}

/** What a stage is set up with. */
export interface FaultStageOptions {
  /** Where apps find Kafka: perhaps through a proxy. Default: the run's. */
  readonly kafkaBrokers?: readonly string[]
  /** Where it is, past any proxy. Default: the same. */
  readonly observedAt?: readonly string[]
}

/** A database with apps on a Kafka, requests to them, and an account of what became of these; ends with its block. */
export class FaultStage implements AsyncDisposable {
  readonly ledger = new Ledger()
  readonly observer: Observer
  readonly #database: TestDatabase
  readonly #kafkaBrokers: readonly string[]
  readonly #apps: ChildApp[] = []
  #traffic: Traffic | undefined

  private constructor(database: TestDatabase, kafkaBrokers: readonly string[], observer: Observer) {
    this.#database = database
    this.#kafkaBrokers = kafkaBrokers
    this.observer = observer
  }

  static async open({
    kafkaBrokers = brokers(),
    observedAt = kafkaBrokers,
  }: FaultStageOptions = {}): Promise<FaultStage> {
    const database = await createAppDatabase([spine()])
    const observer = await Observer.connect(database.url, { kafkaBrokers: observedAt })
    return new FaultStage(database, kafkaBrokers, observer)
  }

  get databaseUrl(): string {
    return this.#database.url
  }

  get traffic(): Traffic {
    if (!this.#traffic) throw new Error('there is no traffic yet')
    return this.#traffic
  }

  /** Starts an app in a process of its own. */
  async start(options: Omit<ChildOptions, 'databaseUrl' | 'kafkaBrokers'> = {}): Promise<ChildApp> {
    const app = await startChildApp({ databaseUrl: this.databaseUrl, kafkaBrokers: this.#kafkaBrokers, ...options })
    this.#apps.push(app)
    return app
  }

  /** From now on an app is asked to publish, both ways. */
  load({ url }: ChildApp): void {
    this.#traffic = new Traffic(this.ledger, url)
    for (const { name } of [directMarks, outboxMarks]) this.#traffic.start(name, keys)
  }

  /** Resolves when so many more requests have been acknowledged. */
  async moreAcknowledged(more = 200): Promise<void> {
    const before = this.ledger.acknowledgedCount
    await until(`${more} more acknowledged`, () => this.ledger.acknowledgedCount >= before + more)
  }

  /** Resolves when marks of every key that were sent from now on have been echoed: everything goes on. Answers how long that took. */
  async goesOn(withinMs = 30_000): Promise<number> {
    const began = performance.now()
    const sent = this.ledger.latest()
    await until('every key goes on', async () => (await this.#behind(sent)) === 0, withinMs)
    return performance.now() - began
  }

  /** Ends the requests, and sees that each acknowledged one had its effects, once and in order. */
  async examine(): Promise<void> {
    await this.traffic.stop()
    await until('all handled', () => this.observer.drained(), 60_000)
    expect(this.ledger.examine(await this.observer.effects('marks'))).toEqual(flawless)
    expect(this.ledger.examine(await this.observer.effects('echoes'))).toEqual(flawless)
    expect(await this.observer.query('SELECT code, reason FROM millrace.dead_letter')).toEqual([])
    expect(await this.observer.query('SELECT FROM millrace.gap')).toEqual([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First what answers, so that no request is waited for.
    await Promise.all(this.#apps.map((app) => app.kill()))
    await this.#traffic?.stop()
    await this.observer[Symbol.asyncDispose]()
    await this.#database.drop()
  }

  /** How many keys have no effect of a later mark than these. */
  async #behind(sent: ReturnType<Ledger['latest']>): Promise<number> {
    const [row] = await this.observer.query<{ behind: number }>(
      `SELECT count(*)::int AS behind FROM unnest($1::text[], $2::text[], $3::int[]) AS sent (stream, key, n)
        WHERE NOT EXISTS (SELECT FROM spine.effect e WHERE e.consumer = 'echoes' AND e.stream = sent.stream
                                                       AND e.key = sent.key AND e.n > sent.n)`,
      [sent.map(({ stream }) => stream), sent.map(({ key }) => key), sent.map(({ n }) => n)],
    )
    return row?.behind ?? sent.length
  }
}
