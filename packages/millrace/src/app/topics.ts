import type { Consumer } from '../core/consumer.ts'
import type { Part } from '../core/lifecycle.ts'
import type { ConsumedTopic } from '../delivery/index.ts'
import type { TopicDescription } from '../ports/broker.ts'
import type { Brokers } from './brokers.ts'
import type { TopicCatalogue } from './catalogue.ts'

/** Creates the app's topics on their brokers at start, and then knows them. */
export class Topics implements Part {
  readonly name = 'topics'
  readonly #catalogue: TopicCatalogue
  readonly #brokers: Brokers
  readonly #partitions: number
  readonly #descriptions = new Map<string, TopicDescription>()

  /** @param partitions of topics that do not say */
  constructor(catalogue: TopicCatalogue, brokers: Brokers, partitions: number) {
    this.#catalogue = catalogue
    this.#brokers = brokers
    this.#partitions = partitions
  }

  async start(): Promise<void> {
    const byBroker = Map.groupBy(this.#catalogue.values(), ({ topic }) => this.#brokers.of(topic))
    for (const [broker, owned] of byBroker) {
      const specs = owned.map(({ name, topic }) => ({ name, partitions: topic.partitions ?? this.#partitions }))
      for (const description of await broker.ensureTopics(specs)) this.#descriptions.set(description.name, description)
    }
  }

  /** A consumer's topics; known once this has started. */
  of({ topics }: Consumer): ConsumedTopic[] {
    return topics.map((topic) => {
      const description = this.#descriptions.get(topic.name)
      if (!description) throw new Error(`topic ${topic.name} has not been described`)
      return { topic, broker: this.#brokers.of(topic), description }
    })
  }
}
