import { createPostgresBroker, createPostgresDatabase } from '../../src/adapters/postgres/index.ts'
import { readAll } from '../../src/conformance/broker/stage.ts'
import type { Broker, BrokerRecord } from '../../src/ports/broker.ts'
import { createTestKafka } from '../../src/testing/kafka.ts'

/** The logs of an app's topics on all its brokers, as a program of its own sees them. */
export class Logs implements AsyncDisposable {
  readonly #brokers: ReadonlyMap<string, Broker>
  readonly #close: () => Promise<void>
  #started: Promise<unknown> | undefined

  private constructor(brokers: readonly Broker[], close: () => Promise<void>) {
    this.#brokers = new Map(brokers.map((broker) => [broker.name, broker]))
    this.#close = close
  }

  /** Connects when it is first asked for something. */
  static of(databaseUrl: string, kafkaBrokers: readonly string[]): Logs {
    const database = createPostgresDatabase({ url: databaseUrl, poolSize: 4, applicationName: 'observer of logs' })
    const kafka = () => createTestKafka(databaseUrl, { brokers: kafkaBrokers, clientId: 'observer' })
    const brokers = [createPostgresBroker({ database }), ...(kafkaBrokers.length > 0 ? [kafka()] : [])]
    return new Logs(brokers, () => database.stop())
  }

  /** Where each partition of a topic ends. */
  async ends(broker: string, topic: string): Promise<number[]> {
    return (await this.#of(broker).ranges(topic)).map(({ end }) => end)
  }

  /** All records of a topic, partition by partition. */
  async records(broker: string, topic: string): Promise<BrokerRecord[]> {
    return (await this.partitions(broker, topic)).flat()
  }

  /** The records of each partition of a topic. */
  async partitions(broker: string, topic: string): Promise<BrokerRecord[][]> {
    const found = this.#of(broker)
    this.#started ??= found.start()
    await this.#started
    return readAll(found, topic)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#brokers.values()].map((broker) => broker.stop()))
    await this.#close()
  }

  #of(name: string): Broker {
    const broker = this.#brokers.get(name)
    if (!broker) throw new Error(`the observer was not told where broker ${name} is`)
    return broker
  }
}
