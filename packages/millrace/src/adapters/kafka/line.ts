import { Consumer, FetchIsolationLevels, type fetchV17, ResponseError } from '@platformatic/kafka'
import { onceOnly } from './client.ts'
import type { KafkaConfig } from './config.ts'

/** How long a request waits for a record, and what its answer brings at most. */
const waitMs = 250
const answerBytes = 1024 * 1024
const partitionBytes = 256 * 1024
/** Longer than a request waits; a broker that does not answer within it is given up, and asked again. */
const requestTimeoutMs = 10_000

/** From which offset on a partition is wanted. */
export interface Wanted {
  readonly partition: number
  readonly from: number
}

/** What a broker answered: of each partition that has anything new, or an error of its own. */
export interface Answer {
  readonly partitions: readonly fetchV17.FetchResponsePartition[]
  /** What was wrong with the request as a whole. */
  readonly error?: unknown
}

/** A connection to one broker, for one fetch at a time. */
export class FetchLine {
  readonly #node: number
  readonly #topicId: string
  readonly #client: Consumer
  #isFree = true

  constructor(config: KafkaConfig, node: number, topic: { readonly name: string; readonly id: string }) {
    this.#node = node
    this.#topicId = topic.id
    this.#client = new Consumer({
      ...onceOnly(config.client),
      // Fetching is no group's matter; the library asks for a name all the same.
      groupId: 'none',
      requestTimeout: requestTimeoutMs,
      // Who leads is looked up by the fetcher; a request of the library's own would wait behind the one that fetches.
      metadataMaxAge: 3_600_000,
    })
    this.#client.topics.track(topic.name)
  }

  get isFree(): boolean {
    return this.#isFree
  }

  /** Never rejects. */
  async fetch(wanted: readonly Wanted[]): Promise<Answer> {
    this.#isFree = false
    try {
      const response = await this.#client.fetch({
        node: this.#node,
        topics: [{ topicId: this.#topicId, partitions: wanted.map(toRequest) }],
        maxWaitTime: waitMs,
        minBytes: 1,
        maxBytes: answerBytes,
        isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      })
      return { partitions: response.responses.flatMap(({ partitions }) => partitions) }
    } catch (error) {
      // It may be out of date: partitions were added, brokers have moved.
      this.#client.clearMetadata()
      // An error of one partition comes as the error of all; the answer is with it.
      const partitions = answerWith(error)
      return partitions ? { partitions } : { partitions: [], error }
    } finally {
      this.#isFree = true
    }
  }

  async close(): Promise<void> {
    await this.#client.close(true).catch(() => {})
  }
}

function toRequest({ partition, from }: Wanted): fetchV17.FetchRequestPartition {
  return {
    partition,
    fetchOffset: BigInt(from),
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: partitionBytes,
  }
}

function answerWith(error: unknown): fetchV17.FetchResponsePartition[] | undefined {
  if (!(error instanceof ResponseError)) return undefined
  // Or the answer to something else that is asked on the way, as who leads.
  const { response } = error as { response?: Partial<fetchV17.FetchResponse> }
  const partitions = response?.responses?.flatMap((topic) => topic.partitions) ?? []
  return partitions.length > 0 ? partitions : undefined
}
