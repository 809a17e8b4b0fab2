import type { ConsumerRunner, ConsumerState, PartitionState, WorkerStatus } from '../delivery/index.ts'
import type { ConsumerItem } from '../http/index.ts'
import type { Brokers } from './brokers.ts'
import type { TopicCatalogue } from './catalogue.ts'

/** A broker that does not answer in this time is left out: operators look when something is down. */
const brokerMs = 2_000

/** Where the logs of topics end, each looked up once. */
export class LogEnds {
  readonly #brokers: Brokers
  readonly #topics: TopicCatalogue
  readonly #found = new Map<string, Promise<readonly number[]>>()

  constructor(brokers: Brokers, topics: TopicCatalogue) {
    this.#brokers = brokers
    this.#topics = topics
  }

  /** Undefined where the broker does not say, or the app does not have the topic. */
  async of({ broker, topic, partition }: PartitionState): Promise<number | undefined> {
    // The position may be from when the topic lived elsewhere.
    if (!this.#topics.has(topic) || this.#brokers.ofName(topic).name !== broker) return undefined
    const found = this.#found.get(topic) ?? this.#look(topic)
    this.#found.set(topic, found)
    return (await found)[partition]
  }

  async #look(topic: string): Promise<readonly number[]> {
    const { promise: late, resolve } = Promise.withResolvers<readonly number[]>()
    const timer = setTimeout(resolve, brokerMs, [])
    const ends = this.#brokers
      .ofName(topic)
      .ranges(topic)
      .then(
        (ranges) => ranges.map(({ end }) => end),
        () => [],
      )
    const first = await Promise.race([ends, late])
    clearTimeout(timer)
    return first
  }
}

/** A consumer as it is listed: what the database knows, and what this process knows where it runs it. */
export async function consumerItem(
  { pausedSince, positions, ...state }: ConsumerState,
  runner: ConsumerRunner | undefined,
  ends: LogEnds,
): Promise<ConsumerItem> {
  const partitions = await Promise.all(
    positions.map(async (position) => partitionItem(position, await ends.of(position), workerOf(runner, position))),
  )
  const lags = partitions.flatMap(({ lag }) => lag ?? [])
  return {
    ...state,
    // One that is paused by a setting is so in this process, since it started.
    state: pausedSince || runner?.isPaused ? 'paused' : 'running',
    pausedSince: pausedSince?.toISOString() ?? null,
    lag: lags.length === partitions.length ? lags.reduce((sum, lag) => sum + lag, 0) : null,
    breakerOpen: runner?.isBreakerOpen ?? null,
    partitions,
  }
}

function partitionItem(
  { topic, partition, position, movedAt }: PartitionState,
  end: number | undefined,
  worker: WorkerStatus | undefined,
): ConsumerItem['partitions'][number] {
  const lag = end === undefined ? undefined : Math.max(0, end - position)
  return {
    ...{ topic, partition, position },
    end: end ?? null,
    lag: lag ?? null,
    lagMs: lag === 0 ? 0 : ageOf(worker?.nextProducedAt),
    movedAt: movedAt.toISOString(),
    here: worker !== undefined,
    stillMs: worker ? Math.round(worker.stillMs) : null,
    lastError: worker?.lastError ?? null,
  }
}

function workerOf(runner: ConsumerRunner | undefined, { topic, partition }: PartitionState): WorkerStatus | undefined {
  return runner?.status.find((worker) => worker.topic === topic && worker.partition === partition)
}

function ageOf(time: number | undefined): number | null {
  return time === undefined ? null : Math.max(0, Math.round(Date.now() - time))
}
