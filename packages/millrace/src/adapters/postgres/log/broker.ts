import { fail, messageOf } from '../../../core/errors.ts'
import type { Queryable } from '../../../core/unit.ts'
import type { MigrationSet } from '../../../migrate/index.ts'
import type {
  Broker,
  GroupMember,
  GroupOptions,
  LogRange,
  OpenTopic,
  OutgoingRecord,
  ProduceResult,
  TopicDescription,
  TopicSpec,
} from '../../../ports/broker.ts'
import type { AppendedRecords } from '../../../ports/bus.ts'
import type { Transaction } from '../../../ports/database.ts'
import { isMissingSlice } from '../errors.ts'
import { appendBatch, appendedTo, type Batch, Router } from './append.ts'
import type { LogConfig } from './config.ts'
import { HeldPartition, Member } from './member.ts'
import { Membership } from './membership.ts'
import { readOffsetsAt, readRanges } from './partition-log.ts'
import { Patience } from './patience.ts'
import { Retention } from './retention.ts'
import { type LogTopic, Topics } from './topics.ts'
import { logChannel, Watcher } from './watcher.ts'

/** What was appended within a transaction. */
export interface Appended {
  readonly results: ProduceResult[]
  /**
   * Wakes the readers: those of this process at once, others by a notification; and tells who listens. To be called after
   * the commit.
   */
  announce(): void
}

/** The broker whose log is in PostgreSQL: a transaction there can append with everything else it writes. */
export interface PostgresBroker extends Broker {
  /** Its tables; they must be there before it starts. */
  readonly migrations: MigrationSet
  /**
   * Appends within the caller's transaction, which must be READ COMMITTED; see {@link Broker.produce}. The partitions
   * are locked until it ends, so end it soon, and append once: a second append to others can deadlock. Rolled back, it
   * leaves no gap.
   *
   * @throws the database's error
   */
  appendIn(transaction: Transaction, records: readonly OutgoingRecord[]): Promise<Appended>
  /** Has a function told of what this process appends to a topic, once it is committed. One for each topic. */
  onAppended(topic: string, listener: (appended: AppendedRecords) => void): void
}

/** The tables of the log. */
export const logMigrations: MigrationSet = { owner: 'log', folder: new URL('./migrations/', import.meta.url) }

/** See {@link PostgresBroker}. */
export class LogBroker implements PostgresBroker {
  readonly name = 'postgres'
  readonly migrations = logMigrations
  readonly #config: LogConfig
  readonly #topics: Topics
  readonly #router: Router
  readonly #watcher: Watcher
  readonly #membership: Membership
  readonly #retention: Retention
  readonly #patience: Patience
  readonly #opened = new Set<OpenTopic>()
  readonly #listeners = new Map<string, (appended: AppendedRecords) => void>()
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(config: LogConfig) {
    this.#config = config
    this.#topics = new Topics(config.database)
    this.#router = new Router(this.#topics)
    this.#watcher = new Watcher(config)
    this.#patience = new Patience(config.database)
    this.#membership = new Membership(config, this.#patience)
    this.#retention = new Retention(config, this.#patience)
  }

  ensureTopics(topics: readonly TopicSpec[]): Promise<TopicDescription[]> {
    return this.#mapped(() => this.#topics.ensure(topics))
  }

  async produce(records: readonly OutgoingRecord[]): Promise<ProduceResult[]> {
    if (records.length === 0) return []
    const batch = await this.#mapped(() => this.#router.route(records))
    const results = await this.#mapped(() => this.#append(batch))
    this.#announce(batch)
    return results
  }

  ranges(name: string): Promise<LogRange[]> {
    return this.#mapped(async () => {
      const { number, partitions } = await this.#topics.get(name)
      return readRanges(this.#config.database, number, partitions)
    })
  }

  describe(name: string): Promise<TopicDescription> {
    return this.#mapped(async () => {
      const { id, partitions } = await this.#topics.get(name)
      return { name, id, partitions }
    })
  }

  offsetsAt(name: string, time: number): Promise<number[]> {
    return this.#mapped(async () => readOffsetsAt(this.#config.database, await this.#topics.get(name), time))
  }

  openTopic(name: string): Promise<OpenTopic> {
    return this.#mapped(async () => this.#open(await this.#topics.get(name)))
  }

  async appendIn(transaction: Transaction, records: readonly OutgoingRecord[]): Promise<Appended> {
    const batch = await this.#router.route(records)
    return { results: await appendBatch(transaction, batch), announce: () => this.#announce(batch) }
  }

  onAppended(topic: string, listener: (appended: AppendedRecords) => void): void {
    this.#listeners.set(topic, listener)
  }

  async join({ group, topics, listener }: GroupOptions): Promise<GroupMember> {
    return this.#mapped(async () => {
      const found = await Promise.all(topics.map((topic) => this.#topics.get(topic)))
      const context = { config: this.#config, watcher: this.#watcher, onChange: () => this.#membership.changed() }
      return this.#membership.join(new Member(context, group, found, listener))
    })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #open(topic: LogTopic): OpenTopic {
    const { name, id, partitions } = topic
    const context = { config: this.#config, watcher: this.#watcher }
    const all = Array.from({ length: partitions }, (_, partition) => new HeldPartition(context, topic, partition))
    const close = async () => {
      this.#opened.delete(opened)
      for (const partition of all) partition.end()
    }
    const opened: OpenTopic = { name, id, partitions, all, close }
    this.#opened.add(opened)
    return opened
  }

  /** When it fails, nothing is left running. */
  async #start(): Promise<void> {
    try {
      for (const part of [this.#retention, this.#watcher, this.#membership]) {
        if (this.#stopping) throw fail('SHUTTING_DOWN', {})
        await part.start()
      }
    } catch (error) {
      await this.#stopParts()
      throw error
    }
  }

  /** What a start under way still begins is to be stopped as well. */
  async #stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    await this.#stopParts()
  }

  async #stopParts(): Promise<void> {
    await this.#membership.stop()
    for (const topic of this.#opened) await topic.close()
    await Promise.all([this.#watcher.stop(), this.#retention.stop()])
  }

  async #append(batch: Batch): Promise<ProduceResult[]> {
    try {
      return await this.#patience.run(() => this.#appendOnce(batch))
    } catch (error) {
      // The process slept past the slices that were made ahead. The database makes them too, but says not when.
      if (!isMissingSlice(error)) throw error
      await this.#retention.maintain()
      return this.#patience.run(() => this.#appendOnce(batch))
    }
  }

  #announce(batch: Batch): void {
    let appended = false
    for (const result of batch.results) {
      const topic = this.#topics.known(result.topic)
      if ('error' in result || topic === undefined) continue
      appended = true
      this.#watcher.grew({ topicNumber: topic.number, partition: result.partition }, result.offset + 1)
    }
    if (appended) this.#config.database.notify(logChannel)
    for (const [topic, listener] of this.#listeners) for (const each of appendedTo(topic, batch)) listener(each)
  }

  #appendOnce(batch: Batch): Promise<ProduceResult[]> {
    const { database } = this.#config
    const append = (connection: Queryable) => appendBatch(connection, batch)
    return batch.pieces.length > 1 ? database.transaction(append, { share: 'system' }) : append(database.on('system'))
  }

  /** The database's errors become the broker's. */
  async #mapped<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (this.#config.database.faultOf(error) === undefined) throw error
      throw fail('BROKER_UNAVAILABLE', { problem: messageOf(error) }, { cause: error })
    }
  }
}
