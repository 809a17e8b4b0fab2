import { fail } from '../../../core/errors.ts'
import type { TopicDescription, TopicSpec } from '../../../ports/broker.ts'
import type { Database } from '../../../ports/database.ts'

/** A topic as the log knows it. */
export interface LogTopic extends TopicDescription {
  /** What rows of the log name it by. */
  readonly number: number
}

const columns = 'id AS number, uuid AS id, name, partitions'

/** The topics of the log, remembered: a topic's number and partitions never change. */
export class Topics {
  readonly #database: Database
  readonly #byName = new Map<string, LogTopic>()

  constructor(database: Database) {
    this.#database = database
  }

  /** Creates what is missing, in the order of names, so that processes that do it at once cannot block each other. */
  async ensure(specs: readonly TopicSpec[]): Promise<TopicDescription[]> {
    await this.#database.on('system').query(
      `INSERT INTO millrace.log_topics (name, partitions)
       SELECT t.name, max(t.partitions) FROM unnest($1::text[], $2::int[]) AS t (name, partitions)
        WHERE NOT EXISTS (SELECT FROM millrace.log_topics present WHERE present.name = t.name)
        GROUP BY t.name ORDER BY t.name
       ON CONFLICT (name) DO NOTHING`,
      [specs.map(({ name }) => name), specs.map(({ partitions }) => partitions)],
    )
    const topics = await Promise.all(specs.map(({ name }) => this.get(name)))
    return topics.map(({ name, id, partitions }) => ({ name, id, partitions }))
  }

  /** @throws TOPIC_UNKNOWN */
  async get(name: string): Promise<LogTopic> {
    const topic = this.known(name) ?? (await this.find([name])).get(name)
    if (topic === undefined) throw fail('TOPIC_UNKNOWN', { topic: name })
    return topic
  }

  /** The topic, if it was asked for before. */
  known(name: string): LogTopic | undefined {
    return this.#byName.get(name)
  }

  /** All topics known by now, by name, those asked for among them if they exist; asks the database for what is not known. */
  async find(names: readonly string[]): Promise<ReadonlyMap<string, LogTopic>> {
    const missing = names.filter((name) => !this.#byName.has(name))
    if (missing.length > 0) {
      const { rows } = await this.#database
        .on('system')
        .query<LogTopic>(`SELECT ${columns} FROM millrace.log_topics WHERE name = ANY ($1)`, [missing])
      this.#remember(rows)
    }
    return this.#byName
  }

  #remember(topics: readonly LogTopic[]): void {
    for (const topic of topics) this.#byName.set(topic.name, topic)
  }
}
