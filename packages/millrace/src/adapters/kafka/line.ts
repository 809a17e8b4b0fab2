import { type Base, ConnectionPool, type fetchV17, kOptions } from '@platformatic/kafka'
import { answerTo, closeConnections, requestOf } from './client.ts'
import { apiIdOfCode } from './errors.ts'
import type { KafkaTopics } from './topics.ts'

/** How long a request waits for a record, and what its answer brings at most. */
const waitMs = 250
const leastBytes = 1
const answerBytes = 1024 * 1024
const partitionBytes = 256 * 1024
/** What is aborted, or not committed yet, is not to be handled. */
const readCommitted = 1
/** Each request says anew what it wants: a broker that remembers it spares little, and forgets it when it restarts. */
const noSession = [0, -1] as const
/** From here on topics have ids in requests, before that names. */
const firstWithIds = 13

/** What lines ask with. */
export interface LineParts {
  /** Knows the versions of requests, and how to connect. */
  readonly client: Base
  readonly topics: KafkaTopics
  readonly topic: { readonly name: string; readonly id: string }
}

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
  readonly #parts: LineParts
  readonly #node: number
  readonly #connections: ConnectionPool
  #isFree = true

  constructor(parts: LineParts, node: number) {
    this.#parts = parts
    this.#node = node
    const { client } = parts
    this.#connections = new ConnectionPool(client.clientId, client[kOptions])
  }

  get isFree(): boolean {
    return this.#isFree
  }

  /** Never rejects. */
  async fetch(wanted: readonly Wanted[]): Promise<Answer> {
    this.#isFree = false
    try {
      return await this.#fetch(wanted)
    } catch (error) {
      return { partitions: [], error }
    } finally {
      this.#isFree = true
    }
  }

  close(): Promise<void> {
    return closeConnections(this.#connections)
  }

  async #fetch(wanted: readonly Wanted[]): Promise<Answer> {
    const { client, topics, topic } = this.#parts
    const address = topics.addressOf(this.#node)
    if (!address) throw new Error(`broker ${this.#node} is not known`)
    const connection = await this.#connections.get(address)
    const request = await requestOf<fetchV17.FetchRequest, fetchV17.FetchResponse>(client, 'Fetch')
    const topicId = request.version < firstWithIds ? topic.name : topic.id
    const asked = [{ topicId, partitions: wanted.map(toRequest) }]
    const { errorCode, responses } = await answerTo(
      request.async(connection, waitMs, leastBytes, answerBytes, readCommitted, ...noSession, asked, [], ''),
    )
    if (errorCode !== 0) throw new Error(apiIdOfCode(errorCode))
    return { partitions: responses.flatMap(({ partitions }) => partitions) }
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
