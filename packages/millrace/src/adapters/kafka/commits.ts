import { type Consumer, offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka'
import { within } from '../../core/wait.ts'
import type { KafkaConfig } from './config.ts'

/** How often offsets are committed at most. */
const everyMs = 1_000
/** How long the last commit may keep a partition that is given up. */
const lastCommitMs = 1_000
/** Kept with each offset that is ours: one that is set by other means has none, or another. */
const ours = 'millrace'

/** A partition, and an offset of it. */
export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/**
 * Lets Kafka's own offsets follow what has been handled, for Kafka's tools: the truth is in the database. Requests are
 * made here, not by the library's `commit`, which joins the group anew when one is refused, and keeps no metadata.
 */
export class Commits {
  readonly #config: KafkaConfig
  readonly #consumer: Consumer
  readonly #pending = new Map<string, PartitionOffset>()
  /** The group's offsets as found at the assignment that were not committed by us. */
  #foreign: Promise<ReadonlyMap<string, number>> = Promise.resolve(new Map())
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  /** @param consumer the member whose offsets are committed */
  constructor(config: KafkaConfig, consumer: Consumer) {
    this.#config = config
    this.#consumer = consumer
  }

  /** Looks for offsets that somebody else has set for partitions that are the member's from now on. */
  assigned(partitions: readonly Omit<PartitionOffset, 'offset'>[]): void {
    this.#foreign = this.#findForeign(partitions).catch((error: unknown) => {
      this.#config.logger.debug({ err: error, group: this.#consumer.groupId }, 'the group’s offsets could not be read')
      return new Map()
    })
  }

  /** A partition is read from an offset on: says so if Kafka’s tools have set another one. */
  async opened({ topic, partition, offset }: PartitionOffset): Promise<void> {
    const foreign = (await this.#foreign).get(placeOf({ topic, partition }))
    if (foreign === undefined || foreign === offset) return
    this.#config.logger.warn(
      { group: this.#consumer.groupId, topic, partition, offset: foreign, position: offset },
      'an offset of this group was set by other means than Millrace; it goes on from its position in the database. ' +
        'npx millrace consumers seek moves a consumer',
    )
  }

  /** Everything below an offset is handled; committed soon. */
  handled(offset: PartitionOffset): void {
    this.#pending.set(placeOf(offset), offset)
    this.#timer ??= setTimeout(() => void this.#commitPending(), everyMs)
  }

  /** Commits what is to be committed, if that is possible soon, and drops the rest. */
  async flush(): Promise<void> {
    await within(lastCommitMs, () => this.#commitPending())
    this.#pending.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #commitPending(): Promise<void> {
    await this.#flushing
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending.size === 0) return
    const offsets = [...this.#pending.values()]
    this.#pending.clear()
    this.#flushing = this.#commit(offsets).catch((error: unknown) => {
      // The next ones say the same and more.
      this.#config.logger.debug({ err: error, group: this.#consumer.groupId }, 'offsets were not committed')
    })
    await this.#flushing
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { groupId, generationId, memberId } = this.#consumer
    if (memberId === null) return
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: ours,
      })),
    }))
    await offsetCommitV8.api.async(await this.#coordinator(), groupId, generationId, memberId, null, topics)
  }

  async #findForeign(partitions: readonly Omit<PartitionOffset, 'offset'>[]): Promise<ReadonlyMap<string, number>> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) => ({
      name,
      partitionIndexes: ofTopic.map(({ partition }) => partition),
    }))
    const group = { groupId: this.#consumer.groupId, memberEpoch: -1, topics }
    const { groups } = await offsetFetchV8.api.async(await this.#coordinator(), [group], false)
    const found = groups
      .flatMap((one) => one.topics)
      .flatMap(({ name: topic, partitions }) =>
        partitions
          .filter(({ committedOffset, metadata }) => committedOffset >= 0n && metadata !== ours)
          .map(
            ({ partitionIndex: partition, committedOffset }) =>
              [placeOf({ topic, partition }), Number(committedOffset)] as const,
          ),
      )
    return new Map(found)
  }

  async #coordinator() {
    const node = await this.#consumer.findGroupCoordinator()
    const { brokers } = await this.#consumer.metadata({})
    const broker = brokers.get(node)
    if (!broker) throw new Error(`the group’s coordinator, broker ${node}, is not there`)
    return this.#consumer.connections.get(broker)
  }
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
