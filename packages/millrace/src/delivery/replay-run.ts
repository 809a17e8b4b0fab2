import type { CopyDeadLetter } from '../contracts/index.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Signal } from '../core/signal.ts'
import type { OpenTopic } from '../ports/broker.ts'
import type { Tracer } from '../tracing/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { Breaker } from './breaker.ts'
import type { Controls } from './controls.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { ParkedRetries } from './parked-retries.ts'
import { PartitionWorker } from './partition-worker.ts'
import type { LocatedConsumer } from './places.ts'
import type { WorkerStatus } from './progress.ts'
import { replayedConsumer } from './replayed-consumer.ts'
import { endReplay, lookAtReplay, noteOutcome, progressOf, type ReplayProgress, type ReplayWork } from './replays.ts'

/** How often it looks whether all is done, or somebody has cancelled it. */
const lookEveryMs = 1_000

/** What a replay is run with. */
export interface ReplayRunOptions {
  readonly replay: ReplayWork
  readonly located: LocatedConsumer
  readonly runner: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly metrics: DeliveryMetrics
  readonly tracer: Tracer
  readonly logger: Logger
}

/** The topic is not what it was when the replay was begun: its records are gone. */
class TopicGone extends Error {
  override readonly name = 'TopicGone'
}

/**
 * Runs a replay in this process: its partitions side by side, by workers that know no group, and its parked records. What
 * it has done so far is in its scope's tables, so that another process goes on where this one ends.
 */
export class ReplayRun {
  readonly #options: ReplayRunOptions
  readonly #logger: Logger
  readonly #consumer: LocatedConsumer['consumer']
  readonly #breaker: Breaker
  readonly #retries: ParkedRetries
  readonly #woken = new Signal()
  #workers: readonly PartitionWorker[] = []
  #topics: readonly OpenTopic[] = []
  /** All records have been passed. */
  #isRead = false

  constructor(options: ReplayRunOptions) {
    const { replay, located } = options
    this.#options = options
    this.#consumer = replayedConsumer(located.consumer, replay)
    this.#logger = options.logger.child({ consumer: replay.consumer, replay: replay.id })
    this.#breaker = new Breaker((isOpen) => {
      this.#logger.warn({}, isOpen ? 'most records fail: waiting until one succeeds' : 'records succeed again')
    })
    this.#retries = new ParkedRetries({
      ...options,
      consumer: this.#consumer,
      consumerId: () => replay.scopeId,
      breaker: this.#breaker,
      logger: this.#logger,
    })
  }

  /** Where its partitions stand. */
  get status(): readonly WorkerStatus[] {
    return this.#workers.map((worker) => worker.status)
  }

  /** It may have been cancelled. */
  wake(): void {
    this.#woken.notify()
  }

  /**
   * Resolves when it has ended, was cancelled, or the signal is aborted.
   *
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE, or the database's error: it is to be taken up again
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#begin()
      await this.#untilDone(signal)
    } catch (error) {
      if (!(error instanceof TopicGone)) throw error
      await this.#end('failed', messageOf(error))
    } finally {
      await Promise.all([...this.#workers.map((worker) => worker.stop()), this.#retries.stop()])
      await Promise.all(this.#topics.map((topic) => topic.close()))
    }
  }

  async #begin(): Promise<void> {
    const { replay, runner } = this.#options
    const isRunning = replay.state === 'running'
    const partitions = isRunning ? await progressOf(runner.database, replay.id) : []
    const unread = partitions.filter(({ reached, to }) => reached < to)
    this.#topics = await this.#open(unread)
    this.#workers = unread.map((partition) => this.#worker(partition))
    if (isRunning) this.#logger.info({ partitions: partitions.length, unread: unread.length }, 'a replay runs here')
    this.#retries.start()
    void Promise.all(this.#workers.map((worker) => worker.start())).then(() => {
      this.#isRead = true
      this.wake()
    })
  }

  async #open(partitions: readonly ReplayProgress[]): Promise<OpenTopic[]> {
    const { consumer, brokerOf } = this.#options.located
    const opened: OpenTopic[] = []
    this.#topics = opened
    for (const [name, [first]] of Map.groupBy(partitions, ({ topic }) => topic)) {
      if (!consumer.topics.some((topic) => topic.name === name) || brokerOf(name).name !== first?.broker) {
        throw new TopicGone(`the consumer has no topic ${name} on ${first?.broker} any more`)
      }
      const topic = await brokerOf(name).openTopic(name)
      opened.push(topic)
      if (topic.id !== first.topicId) throw new TopicGone(`topic ${name} was deleted and created again`)
    }
    return opened
  }

  #worker({ broker, topic: name, partition, to }: ReplayProgress): PartitionWorker {
    const { replay, runner, controls, copyDeadLetter, metrics, tracer } = this.#options
    const topic = this.#consumer.topics.find((topic) => topic.name === name)
    const assigned = this.#topics.find((opened) => opened.name === name)?.all[partition]
    if (!topic || !assigned) throw new TopicGone(`topic ${name} has no partition ${partition}`)
    return new PartitionWorker({
      consumer: this.#consumer,
      consumerId: replay.scopeId,
      ...{ broker, topic, assigned, to, runner, controls, copyDeadLetter, metrics, tracer },
      breaker: this.#breaker,
      retries: this.#retries,
      logger: this.#logger.child({ topic: name, partition }),
    })
  }

  async #untilDone(signal: AbortSignal): Promise<void> {
    const { replay, runner } = this.#options
    const wake = () => this.wake()
    signal.addEventListener('abort', wake)
    while (!signal.aborted) {
      const isRead = this.#isRead
      const found = await lookAtReplay(runner.database.on('system'), replay)
      if (found?.state !== replay.state) break
      if (isRead && !found.hasRetries) {
        if (!signal.aborted) await this.#end('done')
        break
      }
      if (isRead === this.#isRead && !signal.aborted) await this.#woken.wait(lookEveryMs)
    }
    signal.removeEventListener('abort', wake)
  }

  async #end(state: 'done' | 'failed', problem?: string): Promise<void> {
    const { replay, runner } = this.#options
    if (replay.state !== 'running') return
    const hasEnded = await runner.database.transaction(async (transaction) => {
      const hasEnded = await endReplay(transaction, replay.id, { state, ...(problem !== undefined && { problem }) })
      if (hasEnded) noteOutcome(transaction, replay.id)
      return hasEnded
    })
    if (!hasEnded) return
    if (problem !== undefined) this.#logger.error({ problem }, 'a replay has failed')
    else this.#logger.info({ partitions: await progressOf(runner.database, replay.id) }, 'a replay has ended')
  }
}
