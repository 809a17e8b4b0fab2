import type { AssignedPartition, LogRange, PartitionReader } from '../../ports/broker.ts'
import type { Commits } from './commits.ts'
import type { TopicFetcher } from './fetcher.ts'
import { KafkaReader } from './reader.ts'
import type { KafkaTopics } from './topics.ts'

/** What a partition is read with. */
export interface PartitionParts {
  readonly topics: KafkaTopics
  readonly fetcher: TopicFetcher
  readonly commits: Pick<Commits, 'handled' | 'opened'>
}

/** A partition of a topic as it is now: one that is created anew by the same name is another one. */
export interface PartitionName {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** A partition to read, until its end. */
export class HeldPartition implements AssignedPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly #parts: PartitionParts
  #reader: KafkaReader | undefined
  #ended = false

  constructor(parts: PartitionParts, { topic, topicId, partition }: PartitionName) {
    this.topic = topic
    this.topicId = topicId
    this.partition = partition
    this.#parts = parts
  }

  range(): Promise<LogRange> {
    return this.#parts.topics.rangeOf(this.topic, this.partition)
  }

  open(from: number, to?: number): PartitionReader {
    const { fetcher, commits } = this.#parts
    const { topic, partition } = this
    this.#reader?.close()
    const reader: KafkaReader = new KafkaReader(
      {
        place: `${topic}/${partition}`,
        hasRoom: () => fetcher.wake(),
        handled: (offset) => commits.handled({ topic, partition, offset }),
        closed: () => fetcher.remove(reader),
      },
      { partition, from, to },
    )
    this.#reader = reader
    if (this.#ended) reader.close()
    else {
      fetcher.add(reader)
      void commits.opened({ topic, partition, offset: from })
    }
    return reader
  }

  /** The partition is another's: nothing of it is read or committed from now on. */
  end(): void {
    this.#ended = true
    this.#reader?.close()
  }
}
