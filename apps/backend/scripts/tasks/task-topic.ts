import { setTimeout as delay } from 'node:timers/promises'
import { createKafkaBroker } from 'millrace/kafka'
import type { Broker, Database, OpenTopic } from 'millrace/ports'
import { createPostgresBroker } from 'millrace/postgres'
import { kafkaSettings } from '../../src/kafka-settings.ts'
import { ScriptError } from './script.ts'
import type { Settings } from './settings.ts'
import { openDatabase } from './task-database.ts'

const name = 'task-events'
const lookEveryMs = 10
/** PostgreSQL’s code for a table that is not there. */
const undefinedTable = '42P01'

/** Where a record lies. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** The topic `task-events`, for a program that is not the app: plain records, without any headers. */
export class TaskTopic implements AsyncDisposable {
  /** In words. */
  readonly where: string
  readonly #broker: Broker
  readonly #database: Database | undefined

  private constructor(where: string, broker: Broker, database?: Database) {
    this.where = where
    this.#broker = broker
    this.#database = database
  }

  /**
   * On Kafka where `KAFKA_BROKERS` is set, else in the database of the app.
   *
   * @throws ScriptError where there is neither; BROKER_CONNECT_FAILED
   */
  static async open(settings: Settings): Promise<TaskTopic> {
    const kafka = kafkaSettings(settings)
    if (kafka) {
      const broker = createKafkaBroker({ ...kafka, connectAttempts: 1, createTopics: false })
      await broker.start()
      return new TaskTopic(`Kafka at ${kafka.brokers.join(', ')}`, broker)
    }
    const database = await openDatabase(settings)
    if (database) return new TaskTopic('the log in PostgreSQL', createPostgresBroker({ database }), database)
    throw new ScriptError(
      `There is no topic to be found: KAFKA_BROKERS and DATABASE_URL are not set, and no app runs on its own data in ${settings.DATA_DIR} (DATA_DIR).\n` +
        'Set what the app has, or start one: npm start.',
    )
  }

  /**
   * Appends a record whose key is the task’s id, as those of one task have to be in order.
   *
   * @throws ScriptError where no app was started on the database; TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  async send(id: string, body: object): Promise<Place> {
    const [key, value] = [Buffer.from(id), Buffer.from(JSON.stringify(body))]
    const [result] = await explained(() => this.#broker.produce([{ topic: name, key, value, headers: [] }]))
    if (!result || 'error' in result) throw result?.error ?? new Error('there was no answer')
    return result
  }

  /** From now on; see {@link TopicWatch}. */
  async watch(): Promise<TopicWatch> {
    return explained(async () => {
      const ends = (await this.#broker.ranges(name)).map(({ end }) => end)
      return new TopicWatch(this.#broker, await this.#broker.openTopic(name), ends)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker.stop()
    await this.#database?.stop()
  }
}

/** Reads the topic past all groups, as any other program may. */
export class TopicWatch {
  readonly #broker: Broker
  readonly #topic: OpenTopic
  /** By partition: what lies before was there before, or was looked at. */
  readonly #next: number[]

  constructor(broker: Broker, topic: OpenTopic, ends: readonly number[]) {
    this.#broker = broker
    this.#topic = topic
    this.#next = [...ends]
  }

  /** Waits for the next record of a task. */
  async find(id: string, signal: AbortSignal): Promise<Place | undefined> {
    while (!signal.aborted) {
      for (const [partition, { end }] of (await this.#broker.ranges(name)).entries()) {
        const offset = await this.#look(id, partition, end)
        if (offset !== undefined) return { partition, offset }
      }
      await delay(lookEveryMs)
    }
    return undefined
  }

  /** Looks at what has come to a partition, up to the first record of the task. */
  async #look(id: string, partition: number, end: number): Promise<number | undefined> {
    const from = this.#next[partition] ?? 0
    if (end <= from) return undefined
    const reader = this.#topic.all[partition]?.open(from, end)
    for (;;) {
      const records = (await reader?.read(100)) ?? []
      const found = records.find(({ key }) => key && Buffer.from(key).toString() === id)
      this.#next[partition] = found ? found.offset + 1 : end
      if (found || records.length === 0) return found?.offset
    }
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: unknown } }
    if (cause?.code !== undefinedTable) throw error
    throw new ScriptError('The database has no tables of the app: start the app on it first.')
  }
}
