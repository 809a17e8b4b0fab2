import type { AnyTopic } from '../core/topic.ts'
import { brokerLane, type Lane, transactionalLane } from '../outbox/index.ts'
import type { Broker } from '../ports/broker.ts'
import type { TopicCatalogue } from './catalogue.ts'
import type { AppOptions } from './options.ts'

/** The brokers of an app, and which of them each topic lives on. */
export class Brokers {
  readonly #brokers: AppOptions['brokers']
  readonly #topics: TopicCatalogue

  constructor(brokers: AppOptions['brokers'], topics: TopicCatalogue) {
    this.#brokers = brokers
    this.#topics = topics
  }

  get all(): readonly Broker[] {
    const { postgres, kafka } = this.#brokers
    return kafka ? [postgres, kafka] : [postgres]
  }

  /** The ways out of the outbox: one to each broker, by its name. */
  get lanes(): readonly Lane[] {
    const { postgres, kafka } = this.#brokers
    return kafka ? [transactionalLane(postgres), brokerLane(kafka)] : [transactionalLane(postgres)]
  }

  /** The name of each topic's broker. */
  get names(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#topics.values().map(({ name, topic }) => [name, this.of(topic).name]))
  }

  of({ broker }: AnyTopic): Broker {
    const { postgres, kafka } = this.#brokers
    return broker === 'postgres' ? postgres : (kafka ?? postgres)
  }

  /** The broker of a topic of this app by its name. */
  ofName(name: string): Broker {
    const owned = this.#topics.get(name)
    if (!owned) throw new Error(`topic ${name} is none of this app's`)
    return this.of(owned.topic)
  }
}
