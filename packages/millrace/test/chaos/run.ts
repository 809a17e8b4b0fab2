import { createPostgresBroker, createPostgresDatabase } from '../../src/adapters/postgres/index.ts'
import { createTestKafka } from '../../src/testing/kafka.ts'
import { Ledger } from '../faults/ledger.ts'
import { randomOf } from '../faults/random.ts'
import { until } from '../faults/until.ts'
import { doomedOf } from './fates.ts'
import { directMarks, outboxMarks } from './flow.ts'
import { ForeignProducer } from './foreign-producer.ts'
import { Observation } from './observation.ts'
import type { ChaosOptions } from './options.ts'
import { play } from './play.ts'
import { Producers, streams } from './producers.ts'
import { redriveAll } from './redrive.ts'
import { writeScript } from './script.ts'
import { Stage } from './stage.ts'
import { type Account, type Evidence, judgeRun, type Verdict } from './verdict.ts'

/** Told what happens, line by line. */
export type Say = (text: string) => void

/** What was published, and by whom. */
interface Load {
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly undecodableConfirmed: number
}

/** All apps are to take requests again, and all producers to be answered, within this time after the last fault. */
const wholeWithinMs = 90_000

/**
 * Runs apps under load through a script of faults, has everything handled, and compares what is there with what was
 * published.
 *
 * @throws when that does not come to an end: something stands still
 */
export async function runChaos(options: ChaosOptions, tell: Say): Promise<Verdict> {
  const say = timed(tell)
  await using stage = await Stage.open(options, say)
  try {
    await stage.startApps()
    const load = await breakAll(options, stage, say)
    const { account, evidence } = await lookOver(options, stage, load, say)
    const verdict = judgeRun(account, evidence)
    if (verdict.errors === 0) await stage.removeLogs()
    else say(`the apps’ logs are in ${stage.logFolder}`)
    return verdict
  } catch (error) {
    throw new Error(`seed ${options.seed}; the apps’ logs are in ${stage.logFolder}`, { cause: error })
  }
}

/** Load, and faults under it, until the script has ended and all that was begun is acknowledged. */
async function breakAll(options: ChaosOptions, stage: Stage, say: Say): Promise<Load> {
  const lengthMs = options.minutes * 60_000
  const cast = { apps: options.apps, brokers: options.broker === 'kafka' ? options.brokers : 0 }
  const script = writeScript(randomOf(options.seed), cast, lengthMs)
  const ledgers = new Map(streams.map((stream) => [stream, new Ledger()]))
  const producers = new Producers({ seed: options.seed, ledgers, urls: () => stage.urls })
  await using foreign = await openForeign(stage, ledgers.get(directMarks.name) ?? new Ledger())
  producers.start()
  foreign.producer.start()
  await play(script, stage, say)
  say(`${script.length} faults are over`)
  await until('all apps take requests', () => stage.isWhole, wholeWithinMs)
  await foreign.producer.finish()
  await within(wholeWithinMs, 'all that was begun is acknowledged', producers.finish())
  const acknowledged = [...ledgers.values()].reduce((sum, ledger) => sum + ledger.acknowledgedCount, 0)
  say(`${acknowledged} marks were acknowledged; ${producers.refused} requests were not`)
  return { ledgers, undecodableConfirmed: foreign.producer.confirmed }
}

/** Has everything handled, then what was given up, and collects what is there. */
async function lookOver(
  { seed, patienceMs }: ChaosOptions,
  stage: Stage,
  { ledgers, undecodableConfirmed }: Load,
  say: Say,
): Promise<{ readonly account: Account; readonly evidence: Evidence }> {
  await using observation = await Observation.open(stage.postgres.url, stage.kafkaBrokers)
  await observation.drained(patienceMs)
  const deadBefore = await observation.deadLetters()
  say(`all is handled, but for ${deadBefore.length} dead letters and what waits for them`)
  await observation.mendHandlers()
  say(`${await redriveAll(stage)} dead letters are redriven`)
  await observation.released(patienceMs)
  say('nothing waits any more')
  // A commit whose answer was lost is one.
  for (const mark of await observation.accepted()) ledgers.get(outboxMarks.name)?.acknowledged(mark)
  const doomed = [...ledgers.values()].flatMap((ledger) => doomedOf(seed, ledger.latest()))
  const deadAfter = await observation.deadLetters()
  const found = await observation.findings()
  const evidence = { ...found, deadBefore, deadAfter, undecodableConfirmed, incidents: stage.incidents }
  return { account: { ledgers, doomed }, evidence }
}

/** A producer past the apps, and past the proxies. */
async function openForeign(stage: Stage, ledger: Ledger) {
  const stack = new AsyncDisposableStack()
  const { url } = stage.postgres
  const database = createPostgresDatabase({ url, poolSize: 2, applicationName: 'foreign producer' })
  stack.defer(() => database.stop())
  const brokers = stage.kafkaBrokers
  const broker =
    brokers.length > 0
      ? createTestKafka(url, { brokers, clientId: 'foreign producer' })
      : createPostgresBroker({ database })
  await broker.start()
  stack.defer(() => broker.stop())
  const producer = new ForeignProducer(broker, ledger)
  return { producer, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function timed(tell: Say): Say {
  const startedAt = performance.now()
  return (text) => tell(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`)
}
