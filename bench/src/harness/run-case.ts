import { randomBytes } from 'node:crypto'
import type { BenchCase, Result, Round } from './definition.ts'
import { dropTopics } from './kafka.ts'
import { createDatabase, dropDatabase } from './server.ts'
import { preparing, type SideProcess, startSide } from './side-process.ts'

/** How a case is run. */
export interface RunOptions {
  readonly bench: BenchCase
  /** This checkout of the repository. */
  readonly checkout: string
  /** Another one, whose sides of Millrace are run instead of what is written by hand. */
  readonly against?: string | undefined
  /** The server that all rounds share. */
  readonly serverUrl: string
  /** Where the Kafka is that all rounds share, for a case that needs it: `host:port,…`. */
  readonly kafka?: string | undefined
  readonly records: number
  readonly rounds: number
  readonly onRound?: (nth: number, side: string, result: Result) => void
}

/** All results of one side, in order of rounds. */
export interface Series {
  readonly side: string
  readonly isMillrace: boolean
  readonly results: readonly Result[]
}

interface Participant {
  readonly name: string
  readonly side: string
  readonly checkout: string
}

/**
 * Runs a case: all sides in turn, A B A B …, so that whatever else the machine does meets them alike. Each round gets a
 * fresh copy of the same prepared database, and names in Kafka that nobody has used.
 */
export async function runCase(given: RunOptions): Promise<Series[]> {
  const options = { ...given, kafka: neededKafka(given) }
  const participants = participantsOf(options)
  const names = new Map(unique(participants).map((checkout) => [checkout, `bench_${randomBytes(6).toString('hex')}`]))
  try {
    for (const [checkout, template] of names) await prepareTemplate(options, checkout, template)
    return await alternate(options, participants, names)
  } finally {
    for (const template of names.values()) await dropTemplate(options, template)
  }
}

function neededKafka({ bench, kafka }: RunOptions): string | undefined {
  if (bench.needs !== 'kafka') return undefined
  if (kafka === undefined) throw new Error(`${bench.name} needs a Kafka, and was given none`)
  return kafka
}

function participantsOf({ bench, checkout, against }: RunOptions): Participant[] {
  const sides = Object.entries(bench.sides)
  if (against === undefined) return sides.map(([side]) => ({ name: side, side, checkout }))
  return sides
    .filter(([, { isMillrace }]) => isMillrace)
    .flatMap(([side]) => [
      { name: `${side} here`, side, checkout },
      { name: `${side} there`, side, checkout: against },
    ])
}

function unique(participants: readonly Participant[]): string[] {
  return [...new Set(participants.map(({ checkout }) => checkout))]
}

async function prepareTemplate(options: RunOptions, checkout: string, template: string): Promise<void> {
  const url = await createDatabase(options.serverUrl, template)
  await using side = startSide({ checkout, caseName: options.bench.name, side: preparing })
  await side.run(roundOf(options, template, url))
}

async function dropTemplate({ serverUrl, kafka }: RunOptions, template: string): Promise<void> {
  await dropDatabase(serverUrl, template)
  if (kafka !== undefined) await dropTopics(kafka, `${template}.`)
}

function roundOf({ kafka, records }: RunOptions, template: string, url: string): Round {
  if (kafka === undefined) return { url, records }
  const fresh = `${template}.${randomBytes(4).toString('hex')}.`
  return { url, records, kafka: { bootstrap: kafka, prepared: `${template}.`, fresh } }
}

async function alternate(
  options: RunOptions,
  participants: readonly Participant[],
  templates: ReadonlyMap<string, string>,
): Promise<Series[]> {
  await using stack = new AsyncDisposableStack()
  const { bench } = options
  const running = participants.map((participant) => ({
    ...participant,
    template: templates.get(participant.checkout) ?? '',
    process: stack.use(startSide({ ...participant, caseName: bench.name })),
    results: [] as Result[],
  }))
  const warmUps = (bench.hasWarmUp ?? true) ? 1 : 0
  for (let nth = 1 - warmUps; nth <= options.rounds; nth += 1) {
    for (const { name, template, process, results } of running) {
      const result = await runRound(options, template, process)
      options.onRound?.(nth, name, result)
      if (nth > 0) results.push(result)
    }
  }
  return running.map(({ name, side, results }) => ({
    side: name,
    isMillrace: bench.sides[side]?.isMillrace ?? false,
    results,
  }))
}

async function runRound(options: RunOptions, template: string, side: SideProcess): Promise<Result> {
  const name = `${template}_round`
  const round = roundOf(options, template, await createDatabase(options.serverUrl, name, template))
  try {
    return await side.run(round)
  } finally {
    await dropDatabase(options.serverUrl, name)
    if (round.kafka) await dropTopics(round.kafka.bootstrap, round.kafka.fresh)
  }
}
