import { messageOf } from '../../src/index.ts'
import { randomOf } from '../faults/random.ts'
import { until } from '../faults/until.ts'
import { describeBacklog } from './backlog.ts'
import { doomedOf } from './fates.ts'
import { outboxMarks } from './flow.ts'
import { Load } from './load.ts'
import { Observation } from './observation.ts'
import type { ChaosOptions } from './options.ts'
import { play } from './play.ts'
import { redriveAll } from './redrive.ts'
import { writeScript } from './script.ts'
import { Stage } from './stage.ts'
import { type Account, type Evidence, judgeRun, type Verdict } from './verdict.ts'

/** Told what happens, line by line. */
export type Say = (text: string) => void

/** After the last fault, all apps are to take requests again, and all producers to be answered, within this time each. */
const wholeWithinMs = 90_000
/** While something takes long, it is told every so often how far the apps are. */
const tellBacklogEveryMs = 5_000

/**
 * Runs apps under load through a script of faults, has everything handled, and compares what is there with what was
 * published. What does not come to its end in time is an incident, and the comparison is made all the same.
 *
 * @param signal ends it before its time, and what it has started
 * @throws when it is interrupted, or cannot be set up
 */
export async function runChaos(options: ChaosOptions, tell: Say, signal?: AbortSignal): Promise<Verdict> {
  const say = timed(tell)
  await using stage = await Stage.open(options, say)
  try {
    const verdict = await Promise.race([new Run(options, stage, say).all(), interrupted(signal)])
    if (!options.keepsLogs && (verdict.errors === 0 || options.sabotage)) await stage.removeLogs()
    else say(`the apps’ logs are in ${stage.logFolder}`)
    return verdict
  } catch (error) {
    throw new Error(`seed ${options.seed}; the apps’ logs are in ${stage.logFolder}`, { cause: error })
  }
}

function interrupted(signal: AbortSignal | undefined): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal?.addEventListener('abort', () => reject(new Error('the run was interrupted')))
  return promise
}

/** The steps of a run. */
class Run {
  readonly #options: ChaosOptions
  readonly #stage: Stage
  readonly #say: Say
  readonly #incidents: string[] = []

  constructor(options: ChaosOptions, stage: Stage, say: Say) {
    this.#options = options
    this.#stage = stage
    this.#say = say
  }

  async all(): Promise<Verdict> {
    await this.#stage.startApps()
    await using load = await Load.start(this.#stage, this.#options.seed)
    await this.#breakAll()
    await this.#finish(load)
    const { account, evidence } = await this.#lookOver(load)
    return judgeRun(account, evidence)
  }

  /** Plays the script of faults; afterwards all is whole. */
  async #breakAll(): Promise<void> {
    const { seed, apps, broker, brokers, minutes } = this.#options
    const cast = { apps, brokers: broker === 'kafka' ? brokers : 0 }
    const script = writeScript(randomOf(seed), cast, minutes * 60_000)
    await play(script, this.#stage, this.#say)
    await this.#achieve(`${script.length} faults are over, and all apps take requests`, () =>
      until('all apps take requests', () => this.#stage.isWhole, wholeWithinMs),
    )
  }

  async #finish(load: Load): Promise<void> {
    await this.#achieve('all that was begun is acknowledged', () => within(wholeWithinMs, load.finish()))
    this.#say(`${load.acknowledged} marks were acknowledged; ${load.refused} requests were not answered well`)
  }

  /** Has everything handled, then what was given up, and collects what is there. */
  async #lookOver(load: Load): Promise<{ readonly account: Account; readonly evidence: Evidence }> {
    const { seed, patienceMs } = this.#options
    const { ledgers, foreignConfirmed } = load
    await using observation = await Observation.open(this.#stage.postgres.url, this.#stage.kafkaBrokers)
    await this.#achieve('all is handled, but for dead letters and what waits for them', () =>
      observation.drained(patienceMs),
    )
    const deadBefore = await observation.deadLetters()
    await observation.mendHandlers()
    this.#say(`${await redriveAll(this.#stage)} dead letters are redriven`)
    await this.#achieve('nothing waits any more', () => observation.released(patienceMs))
    // A commit whose answer was lost is one.
    for (const mark of await observation.accepted()) ledgers.get(outboxMarks.name)?.acknowledged(mark)
    const doomed = [...ledgers.values()].flatMap((ledger) => doomedOf(seed, ledger.latest()))
    const found = await observation.findings()
    const deadAfter = await observation.deadLetters()
    const incidents = [...this.#incidents, ...this.#stage.incidents]
    return { account: { ledgers, doomed }, evidence: { ...found, deadBefore, deadAfter, foreignConfirmed, incidents } }
  }

  async #achieve(what: string, work: () => Promise<void>): Promise<void> {
    const tellBacklog = async () => this.#say(`not yet: ${await describeBacklog(this.#stage.urls)}`)
    const telling = setInterval(() => void tellBacklog(), tellBacklogEveryMs)
    try {
      await work()
      this.#say(what)
    } catch (error) {
      this.#say(`NOT: ${what}`)
      this.#incidents.push(`not: ${what}: ${messageOf(error)}`)
    } finally {
      clearInterval(telling)
    }
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`not within ${ms} ms`)), ms)
  try {
    await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function timed(tell: Say): Say {
  const startedAt = performance.now()
  return (text) => tell(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`)
}
