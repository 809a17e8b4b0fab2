import type { CopyDeadLetter } from '../contracts/index.ts'
import { codeOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { Repeatable } from '../core/signal.ts'
import type { Lease } from '../ports/database.ts'
import type { Tracer } from '../tracing/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import type { Controls } from './controls.ts'
import type { DeliveryMetrics } from './metrics.ts'
import type { LocatedConsumer } from './places.ts'
import type { WorkerStatus } from './progress.ts'
import { ReplayRun } from './replay-run.ts'
import { findReplayWork, type ReplayWork } from './replays.ts'
import { scopeName } from './scopes.ts'

/** How often it looks for replays: where another process has one that may end, and where there is none. */
const watchfulMs = 1_000
const idleMs = 5_000

/** What replays are run with. */
export interface ReplayRunnerOptions {
  readonly consumers: readonly LocatedConsumer[]
  readonly runner: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  /** The metrics under a name. */
  readonly metricsOf: (name: string) => DeliveryMetrics
  readonly tracer: Tracer
  readonly logger: Logger
}

interface Running {
  readonly run: ReplayRun
  readonly ended: Promise<void>
}

/** Runs replays of this app's consumers: each in one process of the fleet, and in another one when that ends. */
export class ReplayRunner implements Part {
  readonly name = 'replays'
  readonly stopWithin = '15s'
  readonly #options: ReplayRunnerOptions
  readonly #consumers: ReadonlyMap<string, LocatedConsumer>
  readonly #running = new Map<number, Running>()
  readonly #stopping = new AbortController()
  readonly #looking = new Repeatable(() => this.#lookAgain())
  #timer: NodeJS.Timeout | undefined

  constructor(options: ReplayRunnerOptions) {
    this.#options = options
    this.#consumers = new Map(options.consumers.map((located) => [located.consumer.name, located]))
  }

  start(): void {
    this.#options.controls.onChange(() => {
      for (const { run } of this.#running.values()) run.wake()
      this.#look()
    })
    this.#look()
  }

  /** Finishes the chunks under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#looking.idle()
    clearTimeout(this.#timer)
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  /** Where the partitions of a replay stand; undefined where it does not run in this process. */
  statusOf(id: number): readonly WorkerStatus[] | undefined {
    return this.#running.get(id)?.run.status
  }

  #look(): void {
    if (!this.#stopping.signal.aborted) this.#looking.trigger()
  }

  async #lookAgain(): Promise<void> {
    clearTimeout(this.#timer)
    let waitMs = watchfulMs
    try {
      const found = await findReplayWork(this.#options.runner.database.on('system'), [...this.#consumers.keys()])
      const others = found.filter(({ id }) => !this.#running.has(id))
      for (const replay of others) await this.#take(replay)
      if (others.length === 0) waitMs = idleMs
    } catch (error) {
      this.#options.logger.debug({ code: codeOf(error) }, 'replays could not be looked up; it is tried again')
    }
    if (!this.#stopping.signal.aborted) this.#timer = setTimeout(() => this.#look(), waitMs)
  }

  async #take(replay: ReplayWork): Promise<void> {
    const { runner, controls, copyDeadLetter, metricsOf, tracer, logger } = this.#options
    const located = this.#consumers.get(replay.consumer)
    const lease = await runner.database.tryLock(`replay ${replay.id}`)
    if (!lease || !located) return
    const metrics = metricsOf(scopeName(replay.consumer))
    const run = new ReplayRun({ replay, located, runner, controls, copyDeadLetter, metrics, tracer, logger })
    this.#running.set(replay.id, { run, ended: this.#run(run, lease, replay) })
  }

  async #run(run: ReplayRun, lease: Lease, { id, consumer }: ReplayWork): Promise<void> {
    try {
      await run.run(AbortSignal.any([this.#stopping.signal, lease.lost]))
    } catch (error) {
      this.#options.logger.warn({ err: error, replay: id, consumer }, 'a replay was interrupted; it is taken up again')
    }
    await lease.release()
    this.#running.delete(id)
  }
}
