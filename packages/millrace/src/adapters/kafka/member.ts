import type { Consumer, ConsumerGroupJoinPayload } from '@platformatic/kafka'
import { isMillraceError } from '../../core/errors.ts'
import { waitFor, within } from '../../core/wait.ts'
import type { GroupMember, GroupOptions, TopicDescription } from '../../ports/broker.ts'
import { assignPartitions } from './assignor.ts'
import { cut } from './client.ts'
import { Commits } from './commits.ts'
import type { KafkaConfig } from './config.ts'
import { brokerError } from './errors.ts'
import { TopicFetcher } from './fetcher.ts'
import { GroupClient } from './group-client.ts'
import { HeldPartition } from './partition.ts'
import type { KafkaTopics } from './topics.ts'

/** How long leaving may take: what is not said then, the session time-out says. */
const leaveMs = 3_000
const rejoinMs = 1_000
/** How long joining is waited for: a group of which a member died meets when that one's session has ended. */
const meetingMs = 2_000

/**
 * A member of a group, on Kafka's classic protocol: the library sends heartbeats and joins anew when the group says so,
 * and waits, before it does, until everything held has been given up.
 *
 * KIP-848's protocol would move fewer partitions, but this library gives them up there without waiting for anybody, and
 * brokers before 4.0 do not have it.
 */
export class KafkaMember implements GroupMember {
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #options: GroupOptions
  readonly #consumer: Consumer
  readonly #commits: Commits
  /** By the topic’s id. */
  readonly #fetchers = new Map<string, TopicFetcher>()
  readonly #held = new Map<string, HeldPartition>()
  readonly #left = new AbortController()
  /** What the topics were like when their partitions were shared out last. */
  #shared = ''
  #missing: readonly string[] = []
  /** When the group last took this member for alive. */
  #aliveAt = 0
  /** The group may count on this member, which holds nothing of what it was given. */
  #isOutOfStep = false
  /** Which sharing out it holds its partitions by: one answer may come to two joins at the same time. */
  #share = ''
  #givingUp: Promise<void> | undefined
  #joining: Promise<void> | undefined
  #timers: NodeJS.Timeout[] = []
  #leaving: Promise<void> | undefined

  constructor(config: KafkaConfig, topics: KafkaTopics, options: GroupOptions) {
    this.#config = config
    this.#topics = topics
    this.#options = options
    this.#consumer = this.#createConsumer()
    this.#commits = new Commits(config, this.#consumer)
  }

  /**
   * Resolves when it is a member, whatever it is given to read; or when the group takes its time to meet: then it becomes
   * one by itself.
   *
   * @throws TOPIC_UNKNOWN, GROUP_NOT_ALLOWED, BROKER_UNAVAILABLE
   */
  async join(): Promise<void> {
    try {
      const { topics } = this.#options
      this.#follow(await this.#topics.describe(topics))
      const joining = this.#consumer.joinGroup({})
      const hasMet = await within(meetingMs, async () => void (await joining))
      if (!hasMet) this.#joinLater(joining)
    } catch (error) {
      await this.leave()
      throw brokerError(error, { group: this.#options.group })
    }
    const { heartbeatMs, topicRefreshMs } = this.#config
    this.#timers = [
      setInterval(() => this.#checkAlive(), heartbeatMs),
      setInterval(() => void this.#checkTopics(), topicRefreshMs),
    ]
  }

  get missing(): readonly string[] {
    return this.#missing
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  #createConsumer(): Consumer {
    const { client, groupPrefix, sessionMs, rebalanceMs, heartbeatMs } = this.#config
    const options = {
      ...client,
      groupId: groupPrefix + this.#options.group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: rebalanceMs,
      heartbeatInterval: heartbeatMs,
      // The broker answers a request to join when all members have joined.
      requestTimeout: rebalanceMs + 5_000,
      protocols: [{ name: 'millrace', version: 0 }],
      protocolsMetadata: () => this.#beforeJoin(),
      partitionAssigner: assignPartitions,
    }
    const consumer = new GroupClient(options, this.#topics)
    consumer.on('consumer:group:join', (joined) => this.#assigned(joined))
    consumer.on('consumer:heartbeat:end', () => this.#alive())
    consumer.on('consumer:heartbeat:error', ({ error }) => this.#interrupted(error))
    consumer.on('error', (error) => this.#interrupted(error))
    return consumer
  }

  /** Nothing may be held when the partitions are shared out anew. */
  async #beforeJoin(): Promise<Buffer> {
    // Without its id it was put out of the group: others may have its partitions by now.
    if (this.#consumer.memberId === null) this.#loseAll()
    else await this.#giveUpAll()
    return Buffer.alloc(0)
  }

  #assigned({ assignments = [], memberId, generationId }: ConsumerGroupJoinPayload): void {
    this.#aliveAt = performance.now()
    this.#isOutOfStep = false
    const share = `${memberId}/${generationId}`
    if (this.#left.signal.aborted || share === this.#share) return
    // Nothing is held, unless two joins have overtaken each other.
    this.#loseAll()
    this.#share = share
    const found = this.#consumer.currentMetadata?.topics
    const partitions = assignments.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, topicId: found?.get(topic)?.id ?? '', partition })),
    )
    this.#commits.assigned(partitions)
    for (const name of partitions) {
      const fetcher = this.#fetcherOf(name)
      const partition = new HeldPartition({ topics: this.#topics, fetcher, commits: this.#commits }, name)
      this.#held.set(placeOf(name), partition)
      this.#tell(() => this.#options.listener.assigned(partition))
    }
  }

  #fetcherOf({ topic: name, topicId: id }: { readonly topic: string; readonly topicId: string }): TopicFetcher {
    const fetcher = this.#fetchers.get(id) ?? new TopicFetcher(this.#config, this.#topics, { name, id })
    this.#fetchers.set(id, fetcher)
    return fetcher
  }

  /** Asks for everything back, and sees that the last offsets are committed. */
  #giveUpAll(): Promise<void> {
    this.#givingUp ??= this.#giveUpHeld().finally(() => {
      this.#givingUp = undefined
    })
    return this.#givingUp
  }

  async #giveUpHeld(): Promise<void> {
    this.#share = ''
    await Promise.all([...this.#held.values()].map((partition) => this.#giveUp(partition)))
    await this.#commits.flush()
  }

  async #giveUp(partition: HeldPartition): Promise<void> {
    const { listener } = this.#options
    const inTime = await within(this.#config.revokeMs, async () => {
      await listener.revoked(partition)
    }).catch((error: unknown) => this.#complain(error))
    partition.end()
    if (!this.#held.delete(placeOf(partition))) return
    if (inTime === false) this.#tell(() => listener.lost(partition))
  }

  #loseAll(): void {
    const held = [...this.#held.values()]
    this.#share = ''
    this.#held.clear()
    for (const partition of held) {
      partition.end()
      this.#tell(() => this.#options.listener.lost(partition))
    }
  }

  #alive(): void {
    this.#aliveAt = performance.now()
    if (this.#isOutOfStep) this.#joinAnew()
  }

  /** The group has put this member out by now, though it cannot say so. */
  #checkAlive(): void {
    if (this.#held.size === 0 || performance.now() - this.#aliveAt <= this.#config.sessionMs) return
    this.#config.faults.group += 1
    this.#config.logger.warn({ group: this.#options.group }, 'no contact with the group: its partitions are given up')
    this.#loseAll()
    this.#isOutOfStep = true
    // A broker that hangs keeps what it was asked for as long as a group may take to meet.
    cut(this.#consumer.connections)
  }

  /** What the library does not mend by itself: a topic is gone, rights were taken away, joining failed. */
  #interrupted(error: Error): void {
    if (this.#left.signal.aborted) return
    const { code } = brokerError(error)
    if (code === 'BROKER_UNAVAILABLE' && this.#consumer.isActive()) return
    this.#config.faults.group += 1
    this.#config.logger.warn({ err: error, group: this.#options.group }, 'membership was interrupted; joining anew')
    this.#joinAnew()
  }

  #joinAnew(): void {
    this.#joining ??= this.#joinUntilDone().finally(() => {
      this.#joining = undefined
    })
  }

  /** What joining fails of from now on is mended here: nobody waits for it any more. */
  #joinLater(joining: Promise<unknown>): void {
    this.#config.logger.info({ group: this.#options.group }, 'waiting for the group to meet')
    const settled = joining.then(
      () => true,
      () => false,
    )
    this.#joining = settled.then((hasJoined) => {
      this.#joining = undefined
      if (!hasJoined && !this.#left.signal.aborted) this.#joinAnew()
    })
  }

  async #joinUntilDone(): Promise<void> {
    const { signal } = this.#left
    while (!signal.aborted) {
      try {
        this.#follow(await this.#existingTopics())
        await this.#consumer.joinGroup({})
        return
      } catch (error) {
        this.#loseAll()
        this.#config.faults.group += 1
        if (!signal.aborted) this.#config.logger.warn({ err: error, group: this.#options.group }, 'joining failed')
        await waitFor(rejoinMs, signal)
      }
    }
  }

  /** Partitions were added, or a topic is there again, as another one: they are to be shared out anew. */
  async #checkTopics(): Promise<void> {
    const found = await this.#existingTopics().catch(() => undefined)
    if (found && shapeOf(found) !== this.#shared) this.#joinAnew()
  }

  async #existingTopics(): Promise<TopicDescription[]> {
    const { topics } = this.#options
    const found = await Promise.all(
      topics.map((topic) =>
        this.#topics.describe([topic]).catch((error: unknown) => {
          if (!isMillraceError(error, 'TOPIC_UNKNOWN')) throw error
          this.#config.logger.error({ err: error, topic, group: this.#options.group }, 'a topic is gone')
          return []
        }),
      ),
    )
    return found.flat()
  }

  /** Joins for these topics from now on. */
  #follow(found: readonly TopicDescription[]): void {
    const { topics } = this.#consumer
    const names = new Set(found.map(({ name }) => name))
    this.#shared = shapeOf(found)
    this.#missing = this.#options.topics.filter((topic) => !names.has(topic))
    for (const name of [...topics.current]) topics.untrack(name)
    for (const name of names) topics.track(name)
  }

  async #leave(): Promise<void> {
    this.#left.abort()
    for (const timer of this.#timers) clearInterval(timer)
    await this.#giveUpAll()
    await within(leaveMs, () => this.#close()).catch((error: unknown) => {
      this.#config.logger.debug({ err: error, group: this.#options.group }, 'the group was left without a word')
    })
    await Promise.all([...this.#fetchers.values()].map((fetcher) => fetcher.stop()))
  }

  /**
   * Not by `close` alone: where that comes amid a join, the library begins to send heartbeats when the join is answered,
   * and never ends. `leaveGroup` tells it at once that this is no member any more.
   */
  async #close(): Promise<void> {
    await within(leaveMs / 2, async () => {
      await this.#consumer.leaveGroup(true)
    }).catch(() => {})
    await this.#consumer.close(true)
  }

  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    this.#config.logger.error({ group: this.#options.group, err: error }, 'a listener of a group has failed')
  }
}

function placeOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${topicId}/${partition}`
}

function shapeOf(topics: readonly TopicDescription[]): string {
  return JSON.stringify(topics.map(({ name, id, partitions }) => [name, id, partitions]))
}
