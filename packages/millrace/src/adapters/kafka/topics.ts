import {
  Admin,
  type Broker as BrokerAddress,
  type Connection,
  type listOffsetsV9,
  type metadataV12,
  parseBroker,
} from '@platformatic/kafka'
import { fail, isMillraceError, type MillraceError } from '../../core/errors.ts'
import { waitFor } from '../../core/wait.ts'
import type { LogRange, TopicDescription, TopicSpec } from '../../ports/broker.ts'
import { answerTo, closeClient, onceOnly, requestOf } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { apiError, apiIdOf, apiIdOfCode, brokerError, isFinal, problemOf } from './errors.ts'

/** How long a question is asked again before the broker counts as unavailable. */
const patienceMs = 10_000
/** A broker that does not answer within it is given up; another one is asked. */
const requestTimeoutMs = 4_000
const firstDelayMs = 50
const longestDelayMs = 1_000

/** What Kafka calls the start and the end of a log. */
const earliest = -2n
const latest = -1n
/** What it answers where no record is as late as the time asked for. */
const none = -1
/** Up to the high watermark. */
const readUncommitted = 0
const asClient = -1

/** A topic as it was when it was looked at. */
export interface TopicView extends TopicDescription {
  /** By partition: the number of the broker that leads it; -1 where there is none. */
  readonly leaders: readonly number[]
  /** Of {@link performance.now}. */
  readonly seenAt: number
}

/**
 * The topics of a cluster: creates and describes them, and knows who leads their partitions. What it has seen it
 * remembers, until somebody found it out of date or `topicRefresh` has passed.
 */
export class KafkaTopics {
  readonly #config: KafkaConfig
  readonly #admin: Admin
  readonly #seeds: readonly BrokerAddress[]
  readonly #stopped = new AbortController()
  readonly #views = new Map<string, TopicView>()
  /** Topics whose leaders have moved, by all we know. */
  readonly #outdated = new Set<string>()
  readonly #looking = new Map<string, Promise<TopicView>>()
  readonly #brokers = new Map<number, BrokerAddress>()
  /** Where questions go that any broker can answer. */
  #any: Connection | undefined
  /** Which broker that is: another one when the one before has not answered. */
  #turn = -1

  constructor(config: KafkaConfig) {
    this.#config = config
    this.#seeds = config.client.bootstrapBrokers.map((broker) => parseBroker(broker))
    const requestTimeout = Math.min(requestTimeoutMs, config.client.requestTimeout ?? requestTimeoutMs)
    this.#admin = new Admin(onceOnly({ ...config.client, requestTimeout }))
  }

  /**
   * Describes topics, having created those that are missing.
   *
   * @throws TOPIC_UNKNOWN when one is missing and none is to be created; TOPIC_NOT_CREATED, TOPIC_NOT_ALLOWED,
   * BROKER_UNAVAILABLE
   */
  async ensure(specs: readonly TopicSpec[]): Promise<TopicDescription[]> {
    const names = specs.map(({ name }) => name)
    const found = await this.#persist(() => this.#ask(names))
    const missing = specs.filter(({ name }) => isMillraceError(found.get(name), 'TOPIC_UNKNOWN'))
    if (missing.length > 0) {
      if (!this.#config.createTopics) throw fail('TOPIC_UNKNOWN', { topic: missing.map(({ name }) => name).join(', ') })
      const distinct = new Map(missing.map((spec) => [spec.name, spec]))
      await Promise.all([...distinct.values()].map((spec) => this.#persist(() => this.#create(spec))))
      await this.#persist(() => this.#led([...distinct.keys()]))
    }
    return this.describe(names)
  }

  /** @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE */
  async describe(names: readonly string[]): Promise<TopicDescription[]> {
    const views = await this.#persist(async () => viewsOf(await this.#ask(names), names))
    return views.map(({ name, id, partitions }) => ({ name, id, partitions }))
  }

  /**
   * The bounds of each partition of a topic.
   *
   * @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE
   */
  ranges(topic: string): Promise<LogRange[]> {
    return this.#persist(async () => {
      const leaders = await this.#leaders(topic)
      return this.#rangesOf(topic, [...leaders.keys()])
    })
  }

  /**
   * Of each partition, the offset of its first record of this time or later; else its end.
   *
   * @param time in milliseconds since 1970
   * @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE
   */
  offsetsAt(topic: string, time: number): Promise<number[]> {
    return this.#persist(async () => {
      const leaders = await this.#leaders(topic)
      return this.#askLeaders(topic, [...leaders.keys()], (connection, of) => {
        return this.#offsetsFrom(connection, topic, of, Math.max(0, time))
      })
    })
  }

  /** @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE */
  rangeOf(topic: string, partition: number): Promise<LogRange> {
    return this.#persist(async () => {
      const [range] = await this.#rangesOf(topic, [partition])
      if (!range) throw new Error(`no answer for ${topic}/${partition}`)
      return range
    })
  }

  /**
   * How many partitions a topic has, or had `topicRefresh` ago: until it is looked at again, keys keep going to where
   * they went, as with Java's `metadata.max.age.ms`.
   *
   * @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE
   */
  async partitionsOf(topic: string): Promise<number> {
    return this.knownPartitions(topic) ?? (await this.#look(topic)).partitions
  }

  /** The same at once, where the topic has been seen. */
  knownPartitions(topic: string): number | undefined {
    const view = this.#views.get(topic)
    if (view) this.#refresh(view)
    return view?.partitions
  }

  /**
   * Who leads each partition, by its number; -1 where nobody does.
   *
   * @throws TOPIC_UNKNOWN, TOPIC_NOT_ALLOWED, BROKER_UNAVAILABLE
   */
  async leadersOf(topic: string): Promise<readonly number[]> {
    return this.knownLeaders(topic) ?? (await this.#look(topic)).leaders
  }

  /** The same at once, where the topic has been seen and not been found out of date. */
  knownLeaders(topic: string): readonly number[] | undefined {
    const view = this.#views.get(topic)
    if (!view || this.#outdated.has(topic)) return undefined
    this.#refresh(view)
    return view.leaders
  }

  /** Where a broker is that leads a partition. */
  addressOf(broker: number): BrokerAddress | undefined {
    return this.#brokers.get(broker)
  }

  /** A connection to some broker: the same until it ends. Where a broker hangs, that is within seconds. */
  async anyConnection(): Promise<Connection> {
    if (!this.#any?.isConnected()) {
      this.#turn += 1
      this.#any = await this.#admin.connections.get(this.#anyBroker())
    }
    return this.#any
  }

  /** What is known of the topic's leaders is out of date. */
  forget(topic: string): void {
    this.#outdated.add(topic)
  }

  /** Ends what is under way, as if the broker were unavailable. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await closeClient(this.#admin)
  }

  #refresh(view: TopicView): void {
    if (performance.now() - view.seenAt < this.#config.topicRefreshMs || this.#stopped.signal.aborted) return
    this.#look(view.name).catch((error: unknown) => {
      this.#config.logger.debug({ err: error, topic: view.name }, 'a topic could not be looked at')
    })
  }

  /** One question at a time for a topic: whoever asks meanwhile gets its answer. */
  #look(topic: string): Promise<TopicView> {
    const looking = this.#looking.get(topic)
    if (looking) return looking
    const look = this.#persist(() => this.#see(topic)).finally(() => this.#looking.delete(topic))
    this.#looking.set(topic, look)
    return look
  }

  async #see(topic: string): Promise<TopicView> {
    const [view] = viewsOf(await this.#ask([topic]), [topic])
    if (!view) throw new Error(`no answer for ${topic}`)
    return view
  }

  /** Asks a broker for topics, and remembers what it says. */
  async #ask(names: readonly string[]): Promise<ReadonlyMap<string, TopicView | MillraceError>> {
    const distinct = [...new Set(names)]
    for (const name of distinct) this.#outdated.delete(name)
    const { topics, brokers } = await this.#metadata(distinct)
    for (const { nodeId, host, port } of brokers) this.#brokers.set(nodeId, { host, port })
    const seenAt = performance.now()
    const found = new Map<string, TopicView | MillraceError>()
    for (const topic of topics) {
      const name = topic.name ?? ''
      const view = topic.errorCode === 0 ? toView(name, topic, seenAt) : errorOf(topic.errorCode, name)
      found.set(name, view)
      if ('leaders' in view) this.#views.set(name, view)
      else if (view.code === 'TOPIC_UNKNOWN') this.#views.delete(name)
    }
    return found
  }

  async #metadata(names: string[]): Promise<metadataV12.MetadataResponse> {
    try {
      const connection = await this.anyConnection()
      const request = await requestOf<[string[], boolean, boolean], metadataV12.MetadataResponse>(
        this.#admin,
        'Metadata',
      )
      return await answerTo(request.async(connection, names, false, false))
    } catch (error) {
      this.#any = undefined
      for (const name of names) this.#outdated.add(name)
      throw error
    }
  }

  #anyBroker(): BrokerAddress {
    const known = [...this.#seeds, ...this.#brokers.values()]
    const distinct = [...new Map(known.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()]
    const broker = distinct[this.#turn % distinct.length]
    if (!broker) throw new Error('no broker is known')
    return broker
  }

  async #create({ name, partitions }: TopicSpec): Promise<void> {
    try {
      await this.#admin.createTopics({ topics: [{ topic: name, partitions, replicas: this.#config.topicReplicas }] })
      this.#config.logger.info({ topic: name, partitions }, 'topic created')
    } catch (error) {
      const apiId = apiIdOf(error)
      if (apiId === 'TOPIC_ALREADY_EXISTS') return
      if (apiId === undefined || maySucceedLater.has(apiId)) throw error
      if (isNotAllowed(apiId)) throw brokerError(error, { topic: name })
      throw fail('TOPIC_NOT_CREATED', { topic: name, problem: problemOf(error) }, { cause: error })
    }
  }

  /** Resolves when topics that have just been created are known, and led. */
  async #led(names: readonly string[]): Promise<void> {
    const found = await this.#ask(names)
    for (const name of names) {
      const view = found.get(name)
      if (!view || !('leaders' in view)) throw new Error(`topic ${name} has just been created and is not known yet`)
      if (view.leaders.some((leader) => leader < 0)) throw new Error(`topic ${name} has partitions without a leader`)
    }
  }

  async #leaders(topic: string): Promise<readonly number[]> {
    return this.knownLeaders(topic) ?? (await this.#see(topic)).leaders
  }

  #rangesOf(topic: string, partitions: readonly number[]): Promise<LogRange[]> {
    return this.#askLeaders(topic, partitions, (connection, of) => this.#rangesAt(connection, topic, of))
  }

  /** Asks each leader for its partitions; the answers are in the order of the partitions asked for. */
  async #askLeaders<Answer>(
    topic: string,
    partitions: readonly number[],
    ask: (connection: Connection, partitions: readonly number[]) => Promise<[number, Answer][]>,
  ): Promise<Answer[]> {
    try {
      const leaders = await this.#leaders(topic)
      const byLeader = Map.groupBy(partitions, (partition) => leaders[partition] ?? -1)
      const answers = [...byLeader].map(async ([leader, of]) => ask(await this.#toLeader(leader, topic, of), of))
      const found = new Map((await Promise.all(answers)).flat())
      return partitions.flatMap((partition) => found.get(partition) ?? [])
    } catch (error) {
      this.forget(topic)
      throw error
    }
  }

  async #toLeader(leader: number, topic: string, [partition]: readonly number[]): Promise<Connection> {
    const address = this.addressOf(leader)
    if (!address) throw new Error(`${topic}/${partition} has no leader`)
    return this.#admin.connections.get(address)
  }

  async #rangesAt(connection: Connection, topic: string, partitions: readonly number[]): Promise<[number, LogRange][]> {
    // In this order on one connection, so that no range can end before it starts.
    const [starts, ends] = await Promise.all([
      this.#offsets(connection, topic, partitions, earliest),
      this.#offsets(connection, topic, partitions, latest),
    ])
    return partitions.map((partition) => [
      partition,
      { start: starts.get(partition) ?? 0, end: ends.get(partition) ?? 0 },
    ])
  }

  async #offsetsFrom(
    connection: Connection,
    topic: string,
    partitions: readonly number[],
    time: number,
  ): Promise<[number, number][]> {
    const [found, ends] = await Promise.all([
      this.#offsets(connection, topic, partitions, BigInt(Math.ceil(time))),
      this.#offsets(connection, topic, partitions, latest),
    ])
    return partitions.map((partition) => {
      const offset = found.get(partition) ?? none
      return [partition, offset === none ? (ends.get(partition) ?? 0) : offset]
    })
  }

  async #offsets(
    connection: Connection,
    topic: string,
    partitions: readonly number[],
    timestamp: bigint,
  ): Promise<ReadonlyMap<number, number>> {
    const request = await requestOf<listOffsetsV9.ListOffsetsRequest, listOffsetsV9.ListOffsetsResponse>(
      this.#admin,
      'ListOffsets',
    )
    const asked = partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }))
    const { topics } = await answerTo(
      request.async(connection, asClient, readUncommitted, [{ name: topic, partitions: asked }]),
    )
    const answered = topics.flatMap((one) => one.partitions)
    // Whether the topic is gone or has moved, and where to, is for metadata to say.
    for (const { errorCode } of answered) if (errorCode !== 0) throw new Error(apiIdOfCode(errorCode))
    return new Map(answered.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]))
  }

  /** Asks again until there is an answer, the error is one that stays, or patience is at its end. */
  async #persist<T>(ask: () => Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    // Looked at by nobody when it comes while nothing is asked.
    late.promise.catch(() => {})
    let latest: unknown = new Error('no answer came in time')
    const end = () => late.reject(brokerError(latest))
    const timer = setTimeout(end, patienceMs)
    this.#stopped.signal.addEventListener('abort', end)
    try {
      if (this.#stopped.signal.aborted) throw fail('SHUTTING_DOWN', {})
      for (let delay = firstDelayMs; ; delay = Math.min(2 * delay, longestDelayMs)) {
        try {
          return await Promise.race([late.promise, ask()])
        } catch (error) {
          if (isFinal(error)) throw brokerError(error)
          latest = error
        }
        await Promise.race([late.promise, waitFor(delay, this.#stopped.signal)])
      }
    } finally {
      clearTimeout(timer)
      this.#stopped.signal.removeEventListener('abort', end)
    }
  }
}

/** Refusals to create a topic that pass by themselves. */
const maySucceedLater = new Set([
  'BROKER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_CONTROLLER',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
])

function isNotAllowed(apiId: string): boolean {
  return isMillraceError(apiError(apiId, {}), 'TOPIC_NOT_ALLOWED')
}

/** Brokers before 2.8 have no ids for topics; that one is created anew cannot be seen there. */
const noId = '00000000-0000-0000-0000-000000000000'

function toView(name: string, topic: metadataV12.MetadataResponseTopic, seenAt: number): TopicView {
  const leaders: number[] = []
  for (const { partitionIndex, leaderId } of topic.partitions) leaders[partitionIndex] = leaderId
  return { name, id: topic.topicId ?? noId, partitions: leaders.length, leaders, seenAt }
}

function errorOf(errorCode: number, topic: string): MillraceError {
  const apiId = apiIdOfCode(errorCode)
  return apiError(apiId, { topic }) ?? fail('BROKER_UNAVAILABLE', { problem: apiId })
}

/** @throws the error of the first topic that has one */
function viewsOf(found: ReadonlyMap<string, TopicView | MillraceError>, names: readonly string[]): TopicView[] {
  return names.map((name) => {
    const view = found.get(name)
    if (view && 'leaders' in view) return view
    throw view ?? fail('BROKER_UNAVAILABLE', { problem: `no answer for topic ${name}` })
  })
}
