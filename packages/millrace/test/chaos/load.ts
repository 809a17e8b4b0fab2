import { createPostgresBroker, createPostgresDatabase } from '../../src/adapters/postgres/index.ts'
import { createTestKafka } from '../../src/testing/kafka.ts'
import { Ledger } from '../faults/ledger.ts'
import { directMarks, outboxMarks } from './flow.ts'
import { ForeignProducer } from './foreign-producer.ts'
import { Producers } from './producers.ts'
import type { Stage } from './stage.ts'

/** What was published to the apps, and past them, with the account of it; ends with its block. */
export class Load implements AsyncDisposable {
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly #producers: Producers
  readonly #foreign: ForeignProducer
  readonly #stack: AsyncDisposableStack

  private constructor(parts: {
    readonly ledgers: ReadonlyMap<string, Ledger>
    readonly producers: Producers
    readonly foreign: ForeignProducer
    readonly stack: AsyncDisposableStack
  }) {
    this.ledgers = parts.ledgers
    this.#producers = parts.producers
    this.#foreign = parts.foreign
    this.#stack = parts.stack
  }

  /** Begins to publish. */
  static async start(stage: Stage, seed: number): Promise<Load> {
    await using stack = new AsyncDisposableStack()
    const direct = new Ledger()
    const ledgers = new Map([
      [directMarks.name, direct],
      [outboxMarks.name, new Ledger()],
    ])
    const producers = new Producers({ seed, ledgers, urls: () => stage.urls })
    stack.defer(() => producers.giveUp())
    const foreign = new ForeignProducer(await connectPastApps(stage, stack), direct)
    stack.defer(() => foreign.finish())
    producers.start()
    foreign.start()
    return new Load({ ledgers, producers, foreign, stack: stack.move() })
  }

  /** Marks that were acknowledged. */
  get acknowledged(): number {
    return [...this.ledgers.values()].reduce((sum, ledger) => sum + ledger.acknowledgedCount, 0)
  }

  /** Requests that were not answered, or not well. */
  get refused(): number {
    return this.#producers.refused
  }

  /** Records of somebody else's that the broker has confirmed. */
  get foreignConfirmed(): number {
    return this.#foreign.confirmed
  }

  /** Begins nothing more; resolves when all that was begun is acknowledged. */
  async finish(): Promise<void> {
    await Promise.all([this.#foreign.finish(), this.#producers.finish()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** The broker as a program has it that is none of the apps, and not behind the proxies. */
async function connectPastApps(stage: Stage, stack: AsyncDisposableStack) {
  const { url } = stage.postgres
  const brokers = stage.kafkaBrokers
  const database = createPostgresDatabase({ url, poolSize: 2, applicationName: 'foreign producer' })
  stack.defer(() => database.stop())
  const kafka = () => createTestKafka(url, { brokers, clientId: 'foreign producer' })
  const broker = brokers.length > 0 ? kafka() : createPostgresBroker({ database })
  await broker.start()
  stack.defer(() => broker.stop())
  return broker
}
