import { fail } from '../../core/errors.ts'
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
} from '../../ports/broker.ts'
import type { KafkaConfig } from './config.ts'
import { connect } from './connect.ts'
import { KafkaMember } from './member.ts'
import { KafkaOpenTopic } from './open-topic.ts'
import { KafkaProducer } from './producer.ts'
import { KafkaTopics } from './topics.ts'

/** The broker that is a Kafka cluster. */
export class KafkaBroker implements Broker {
  readonly name = 'kafka'
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #producer: KafkaProducer
  readonly #members = new Set<KafkaMember>()
  readonly #opened = new Set<OpenTopic>()
  readonly #stopped = new AbortController()
  #stopping: Promise<void> | undefined

  constructor(config: KafkaConfig) {
    this.#config = config
    this.#topics = new KafkaTopics(config)
    this.#producer = new KafkaProducer(config, this.#topics)
  }

  get faults(): KafkaConfig['faults'] {
    return this.#config.faults
  }

  start(): Promise<void> {
    return connect(this.#config, this.#stopped.signal)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  ensureTopics(topics: readonly TopicSpec[]): Promise<TopicDescription[]> {
    return this.#topics.ensure(topics)
  }

  ranges(topic: string): Promise<LogRange[]> {
    return this.#topics.ranges(topic)
  }

  async describe(topic: string): Promise<TopicDescription> {
    const [description] = await this.#topics.describe([topic])
    if (!description) throw new Error(`no answer for ${topic}`)
    return description
  }

  offsetsAt(topic: string, time: number): Promise<number[]> {
    return this.#topics.offsetsAt(topic, time)
  }

  async openTopic(name: string): Promise<OpenTopic> {
    const topic = new KafkaOpenTopic(this.#config, this.#topics, await this.describe(name))
    const { id, partitions, all } = topic
    const close = () => {
      this.#opened.delete(opened)
      return topic.close()
    }
    const opened: OpenTopic = { name, id, partitions, all, close }
    this.#opened.add(opened)
    return opened
  }

  produce(records: readonly OutgoingRecord[]): Promise<ProduceResult[]> {
    return this.#producer.produce(records)
  }

  async join(options: GroupOptions): Promise<GroupMember> {
    if (this.#stopped.signal.aborted) throw fail('SHUTTING_DOWN', {})
    const member = new KafkaMember(this.#config, this.#topics, options)
    this.#members.add(member)
    await member.join()
    return member
  }

  async #stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all([...this.#members].map((member) => member.leave()))
    await Promise.all([...this.#opened].map((topic) => topic.close()))
    // What is under way may have to ask who leads.
    await this.#producer.stop()
    await this.#topics.stop()
  }
}
