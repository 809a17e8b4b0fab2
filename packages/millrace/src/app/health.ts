import { messageOf } from '../core/errors.ts'
import type { ConsumerRunner, WorkerStatus } from '../delivery/index.ts'
import type { ConsumerProgress, HealthSource, PartitionProgress, Readiness, TimersProgress } from '../http/index.ts'
import type { Bus } from '../ports/bus.ts'
import type { SharedCounter } from '../ports/counter.ts'
import type { Database } from '../ports/database.ts'
import type { Timers } from '../time/index.ts'

/** How long the database may take to answer before the process is not ready. */
const databaseMs = 2_000

interface HealthParts {
  readonly database: Database
  readonly bus: Bus | undefined
  readonly counter: SharedCounter | undefined
  readonly runners: readonly ConsumerRunner[]
  readonly timers: Timers
  readonly progressTimeoutMs: number
}

/**
 * The health of a process: ready when its database answers, in progress when its partitions move. What it does without while
 * that is away is told of, and makes it no less ready.
 */
export function healthSource(parts: HealthParts): HealthSource {
  const { database, runners, timers, progressTimeoutMs } = parts
  return {
    ready: async () => {
      const problem = await databaseProblem(database)
      return { ready: problem === undefined, checks: { database: checkOf(problem), ...besides(parts) } }
    },
    progress: async () => {
      const consumers = runners.map((runner) => consumerProgress(runner, progressTimeoutMs))
      const firing = timersProgress(timers, progressTimeoutMs)
      const ok = consumers.every((consumer) => consumer.ok) && (firing?.ok ?? true)
      return { ok, consumers, ...(firing && { timers: firing }) }
    },
  }
}

function besides({ bus, counter }: HealthParts): Readiness['checks'] {
  return {
    ...(bus?.state && { bus: checkOf(bus.state.problem) }),
    ...(counter && { counter: checkOf(counter.state.problem) }),
  }
}

function checkOf(problem: string | undefined): Readiness['checks'][string] {
  return problem === undefined ? { ok: true } : { ok: false, problem }
}

async function databaseProblem(database: Database): Promise<string | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(resolve, databaseMs, `no answer within ${databaseMs} ms`)
  const asked = database.query('SELECT 1').then(() => undefined, messageOf)
  const problem = await Promise.race([asked, late])
  clearTimeout(timer)
  return problem
}

function consumerProgress(runner: ConsumerRunner, timeoutMs: number): ConsumerProgress {
  const { consumerName: name, isPaused: paused, missingTopics, status } = runner
  // One that was switched off stands still because it was told to.
  const partitions = status.map((one) => partitionProgress(one, paused ? Number.POSITIVE_INFINITY : timeoutMs))
  if (missingTopics.length === 0) return { name, ok: partitions.every(({ ok }) => ok), paused, partitions }
  return { name, ok: false, problem: `not there any more: ${missingTopics.join(', ')}`, paused, partitions }
}

/** That they are late is said; that none is fired at all is a reason to start this process anew. */
function timersProgress({ status }: Timers, timeoutMs: number): TimersProgress | undefined {
  if (!status) return undefined
  const lateMs = Math.round(status.lateMs)
  if (status.stillMs > timeoutMs) {
    const problem = `none have fired for ${Math.round(status.stillMs / 1_000)} s`
    return { ok: false, lateMs, problem: status.lastError ? `${problem}: ${status.lastError}` : problem }
  }
  if (lateMs <= timeoutMs) return { ok: true, lateMs }
  return { ok: true, lateMs, problem: `timers are late by ${Math.round(lateMs / 1_000)} s; they are being fired` }
}

function partitionProgress(status: WorkerStatus, timeoutMs: number): PartitionProgress {
  const { topic, partition, position = null, end = null, stillMs, lastError } = status
  const place = { topic, partition, position, end }
  if (stillMs <= timeoutMs) return { ...place, ok: true }
  const problem = `it has not moved for ${Math.round(stillMs / 1_000)} s${lastError ? `: ${lastError}` : ''}`
  return { ...place, ok: false, problem }
}
