import type { Consumer } from '../core/consumer.ts'
import type { Part } from '../core/lifecycle.ts'
import type { ConsumedTopic } from '../delivery/index.ts'
import type { Broker, TopicDescription } from '../ports/broker.ts'
import type { TopicCatalogue } from './catalogue.ts'

/** Creates the app's topics on their broker at start, and then knows them. */
export class Topics implements Part {
  readonly name = 'topics'
  readonly #catalogue: TopicCatalogue
  readonly #broker: Broker
  readonly #partitions: number
  #descriptions: ReadonlyMap<string, TopicDescription> = new Map()

  /** @param partitions of topics that do not say */
  constructor(catalogue: TopicCatalogue, broker: Broker, partitions: number) {
    this.#catalogue = catalogue
    this.#broker = broker
    this.#partitions = partitions
  }

  async start(): Promise<void> {
    const specs = [...this.#catalogue.values()].map(({ name, topic }) => ({
      name,
      partitions: topic.partitions ?? this.#partitions,
    }))
    const descriptions = await this.#broker.ensureTopics(specs)
    this.#descriptions = new Map(descriptions.map((description) => [description.name, description]))
  }

  /** A consumer's topics; known once this has started. */
  of({ topics }: Consumer): ConsumedTopic[] {
    return topics.map((topic) => {
      const description = this.#descriptions.get(topic.name)
      if (!description) throw new Error(`topic ${topic.name} has not been described`)
      return { topic, broker: this.#broker, description }
    })
  }
}
