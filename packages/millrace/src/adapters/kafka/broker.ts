import { fail } from '../../core/errors.ts'
import type {
  Broker,
  GroupMember,
  GroupOptions,
  LogRange,
  OutgoingRecord,
  ProduceResult,
  TopicDescription,
  TopicSpec,
} from '../../ports/broker.ts'
import type { KafkaConfig } from './config.ts'
import { connect } from './connect.ts'
import { KafkaMember } from './member.ts'
import { KafkaProducer } from './producer.ts'
import { KafkaTopics } from './topics.ts'

/** The broker that is a Kafka cluster. */
export class KafkaBroker implements Broker {
  readonly name = 'kafka'
  readonly #config: KafkaConfig
  readonly #topics: KafkaTopics
  readonly #producer: KafkaProducer
  readonly #members = new Set<KafkaMember>()
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
    // What is under way may have to ask who leads.
    await this.#producer.stop()
    await this.#topics.stop()
  }
}
