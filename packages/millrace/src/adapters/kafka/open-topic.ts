import type { OpenTopic, TopicDescription } from '../../ports/broker.ts'
import type { KafkaConfig } from './config.ts'
import { TopicFetcher } from './fetcher.ts'
import { HeldPartition, type PartitionParts } from './partition.ts'
import type { KafkaTopics } from './topics.ts'

/** Nothing is committed, as there is no group. */
const noCommits: PartitionParts['commits'] = { handled: () => {}, opened: async () => {} }

/** A topic that is read past all groups, on connections of its own. */
export class KafkaOpenTopic implements OpenTopic {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly all: readonly HeldPartition[]
  readonly #fetcher: TopicFetcher

  constructor(config: KafkaConfig, topics: KafkaTopics, { name, id, partitions }: TopicDescription) {
    this.name = name
    this.id = id
    this.partitions = partitions
    this.#fetcher = new TopicFetcher(config, topics, { name, id })
    const parts: PartitionParts = { topics, fetcher: this.#fetcher, commits: noCommits }
    this.all = Array.from({ length: partitions }, (_, partition) => {
      return new HeldPartition(parts, { topic: name, topicId: id, partition })
    })
  }

  async close(): Promise<void> {
    for (const partition of this.all) partition.end()
    await this.#fetcher.stop()
  }
}
