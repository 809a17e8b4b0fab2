import type { CopyDeadLetter } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { AnyTopic } from '../core/topic.ts'
import { within } from '../core/wait.ts'
import type { AssignedPartition, Broker, GroupMember, TopicDescription } from '../ports/broker.ts'
import type { Tracer } from '../tracing/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { Breaker } from './breaker.ts'
import type { Controls } from './controls.ts'
import { takeOverFrom } from './former.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { ParkedRetries } from './parked-retries.ts'
import { PartitionWorker } from './partition-worker.ts'
import { consumerId, establishPositions } from './positions.ts'
import type { WorkerStatus } from './progress.ts'

/** A topic of a consumer, with the broker it lives on. */
export interface ConsumedTopic {
  readonly topic: AnyTopic
  readonly broker: Broker
  readonly description: TopicDescription
}

/** What a consumer is run with. */
export interface ConsumerRunnerOptions {
  readonly consumer: Consumer
  /** Where it begins in a topic that is new to it. */
  readonly from: 'earliest' | 'latest'
  /** Resolved at start: topics are created before. */
  readonly topics: () => readonly ConsumedTopic[]
  readonly runner: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly metrics: DeliveryMetrics
  readonly tracer: Tracer
  readonly logger: Logger
}

/** How long a chunk under way may keep a partition that another member is to get. What runs on is harmless: it cannot commit. */
const drainMs = 10_000

/** Runs one consumer: joins its group, and a worker for each partition it is given. */
export class ConsumerRunner implements Part {
  readonly name: string
  readonly #options: ConsumerRunnerOptions
  readonly #workers = new Map<string, PartitionWorker>()
  readonly #members: GroupMember[] = []
  readonly #breaker: Breaker
  readonly #retries: ParkedRetries
  #consumerId = 0

  constructor(options: ConsumerRunnerOptions) {
    const { consumer, logger } = options
    this.#options = options
    this.name = `consumer ${consumer.name}`
    this.#breaker = new Breaker((isOpen) => {
      if (isOpen) logger.error({ consumer: consumer.name }, 'most records fail: waiting until one succeeds')
      else logger.info({ consumer: consumer.name }, 'records succeed again')
    })
    this.#retries = new ParkedRetries({ ...options, breaker: this.#breaker, consumerId: () => this.#consumerId })
  }

  /** The consumer's name. */
  get consumerName(): string {
    return this.#options.consumer.name
  }

  /** Whether it is switched off, as far as this process knows. */
  get isPaused(): boolean {
    return this.#options.controls.isPaused(this.consumerName)
  }

  /** How many of its records were parked, by all processes, when this one looked last. */
  get parked(): number {
    return this.#retries.rows
  }

  /** Whether it waits until something that all its records need is well again. */
  get isBreakerOpen(): boolean {
    return this.#breaker.isOpen
  }

  /** Where each of the consumer's partitions in this process stands. */
  get status(): readonly WorkerStatus[] {
    return [...this.#workers.values()].map((worker) => worker.status)
  }

  /** The consumer's topics that are not there any more. */
  get missingTopics(): readonly string[] {
    return this.#members.flatMap(({ missing }) => missing)
  }

  async start(): Promise<void> {
    const { consumer, runner, controls, topics } = this.#options
    this.#consumerId = await consumerId(runner.database, consumer.name)
    if (consumer.formerly !== undefined) await takeOverFrom(runner.database, this.#consumerId, consumer.formerly)
    for (const topic of topics()) await this.#establish(topic)
    this.#retries.start()
    controls.onChange(() => this.#retries.wake())
    controls.onSought((sought) => {
      if (sought === consumer.name) for (const worker of this.#workers.values()) worker.sought()
    })
    const byBroker = Map.groupBy(topics(), ({ broker }) => broker)
    for (const [broker, consumed] of byBroker) this.#members.push(await this.#join(broker, consumed))
  }

  /** Finishes the chunks under way and leaves the group. */
  async stop(): Promise<void> {
    await Promise.all([...this.#members.map((member) => member.leave()), this.#retries.stop()])
  }

  async #establish({ broker, description }: ConsumedTopic): Promise<void> {
    const { consumer, runner, from } = this.#options
    const ranges = await broker.ranges(description.name)
    const beginning = { id: this.#consumerId, from, formerly: consumer.formerly }
    await establishPositions(runner.database, beginning, { ...description, broker: broker.name }, ranges)
  }

  #join(broker: Broker, consumed: readonly ConsumedTopic[]): Promise<GroupMember> {
    return broker.join({
      group: this.#options.consumer.name,
      topics: consumed.map(({ topic }) => topic.name),
      listener: {
        assigned: (partition) => this.#assigned(broker.name, partition, consumed),
        revoked: (partition) => this.#revoked(partition),
        lost: (partition) => void this.#revoked(partition),
      },
    })
  }

  #assigned(broker: string, assigned: AssignedPartition, consumed: readonly ConsumedTopic[]): void {
    const topic = consumed.find((candidate) => candidate.topic.name === assigned.topic)?.topic
    if (!topic) return
    const { consumer, runner, controls, copyDeadLetter, metrics, tracer, logger } = this.#options
    metrics.assigned()
    const worker = new PartitionWorker({
      consumer,
      consumerId: this.#consumerId,
      broker,
      topic,
      assigned,
      runner,
      breaker: this.#breaker,
      retries: this.#retries,
      controls,
      copyDeadLetter,
      metrics,
      tracer,
      logger: logger.child({ consumer: consumer.name, topic: assigned.topic, partition: assigned.partition }),
    })
    this.#workers.set(placeOf(assigned), worker)
    void worker.start()
  }

  async #revoked(assigned: AssignedPartition): Promise<void> {
    const worker = this.#workers.get(placeOf(assigned))
    this.#workers.delete(placeOf(assigned))
    if (!worker) return
    const started = performance.now()
    const inTime = await within(drainMs, () => worker.stop())
    this.#options.metrics.revoked(performance.now() - started, inTime)
  }
}

function placeOf({ topicId, partition }: AssignedPartition): string {
  return `${topicId}/${partition}`
}
