import { type Backoff, exponential } from '../core/consumer.ts'
import { isMillraceError } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import { waitFor } from '../core/wait.ts'
import type { Database, Lease } from '../ports/database.ts'
import { Tracer } from '../tracing/index.ts'
import { LostLead } from './fenced-position.ts'
import type { Lane } from './lanes.ts'
import { Leader } from './leader.ts'
import { Leadership } from './leadership.ts'
import { type RelayMetrics, silentRelayMetrics } from './metrics.ts'
import { defaultBounds, type PieceBounds } from './position.ts'
import type { CopyRefused } from './refused.ts'
import { watchedLane } from './watched-lane.ts'

/** What the relay carries between, and how. */
export interface RelayOptions {
  readonly database: Database
  /** Where to: see `transactionalLane` and `brokerLane`. */
  readonly lane: Lane
  readonly logger: Logger
  /** Default: none. */
  readonly metrics?: RelayMetrics
  /** Default: no spans. */
  readonly tracer?: Tracer
  /** How much is handed on at a time. @default 1,000 records, 4 MiB */
  readonly piece?: PieceBounds
  /** How often a process that does not lead tries to, in milliseconds. @default 1,000 */
  readonly candidacyMs?: number
  /** How long a broker, or a topic of it, that takes nothing is left alone. @default 1 s, doubled up to 30 s */
  readonly backoff?: Backoff
  /** Makes copies of what the broker refuses for good. @default none are made */
  readonly copyRefused?: CopyRefused
}

/** Wake-ups come by signal; this is how late one that was missed is noticed. */
const pollMs = 250
const defaultCandidacyMs = 1_000

/**
 * Carries what units of work published from the outbox to one broker, in order. One process leads, by a session lock;
 * what makes it safe is not the lock but the compare-and-set of the position: a leader that was stopped and resumed after
 * another took over finds the position moved, and whatever its transaction holds is rolled back. To a broker that takes
 * part in the transaction, that is all; to any other, it may have sent a piece again.
 */
export class Relay implements Part {
  readonly name: string
  readonly #options: Required<RelayOptions>
  /** Notified when units have committed events of this lane. */
  readonly #channel: string
  readonly #leadership: Leadership
  #failures = 0
  #unlisten: (() => Promise<void>) | undefined

  constructor({ lane, logger, metrics = silentRelayMetrics, tracer = new Tracer(), ...options }: RelayOptions) {
    this.name = `relay to ${lane.name}`
    this.#channel = `millrace_outbox_${lane.name}`
    this.#options = {
      piece: defaultBounds,
      candidacyMs: defaultCandidacyMs,
      backoff: exponential({ first: '1s', cap: '30s' }),
      copyRefused: () => undefined,
      ...options,
      lane: watchedLane(lane, metrics, tracer),
      metrics,
      tracer,
      logger: logger.child({ lane: lane.name }),
    }
    this.#leadership = new Leadership({
      database: this.#options.database,
      lock: `relay:${lane.name}`,
      candidacyMs: this.#options.candidacyMs,
      lead: (lease) => this.#lead(lease),
      recover: (error) => this.#recover(error),
    })
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.database.listen(this.#channel, () => {
      if (this.#leadership.isLeading) this.#leadership.signal()
    })
    this.#leadership.start()
  }

  /** Hands on what is committed, then ends. What is parked waits for the next leader. */
  async stop(): Promise<void> {
    await this.#leadership.stop()
    await this.#unlisten?.()
  }

  /** Says that events have been committed by this process: wakes the leader, here or elsewhere. */
  wake(): void {
    if (this.#leadership.isLeading) this.#leadership.signal()
    else this.#options.database.notify(this.#channel)
  }

  /** Another process may lead meanwhile: perhaps it reaches the broker. */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof LostLead) return
    const { logger, metrics, backoff, candidacyMs } = this.#options
    this.#failures += 1
    metrics.failed()
    const isBrokers = isMillraceError(error, 'BROKER_UNAVAILABLE')
    logger.warn({ err: error }, 'the relay was interrupted; it goes on by itself')
    await waitFor(isBrokers ? backoff(this.#failures) : candidacyMs, this.#leadership.stopping)
  }

  async #lead(lease: Lease): Promise<void> {
    const { metrics } = this.#options
    metrics.leading(true)
    try {
      const leader = await Leader.takeUp(this.#options)
      await this.#relayUntilStopped(lease, leader).finally(() => leader.end())
    } finally {
      metrics.leading(false)
    }
  }

  /** Once stopped, it ends the batch under way and hands on one more: others may go on publishing for ever. */
  async #relayUntilStopped(lease: Lease, leader: Leader): Promise<void> {
    const { stopping } = this.#leadership
    let isLast = false
    while (!lease.lost.aborted) {
      if (stopping.aborted && leader.isBetweenBatches) {
        if (isLast) return
        isLast = true
      }
      if (await leader.carryNext()) this.#failures = 0
      else if (stopping.aborted) return
      else await this.#leadership.wait(pollMs)
    }
  }
}
