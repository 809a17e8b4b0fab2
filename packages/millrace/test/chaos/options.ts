import { parseArgs } from 'node:util'
import { type SabotageName, sabotages } from './sabotage.ts'

/** What a run is to be. */
export interface ChaosOptions {
  /** How long faults come; before and after it, a run takes a minute or so more. */
  readonly minutes: number
  readonly seed: number
  readonly broker: 'kafka' | 'postgres'
  /** Kafka's. */
  readonly brokers: 1 | 3
  /** App processes, besides one that comes and goes. */
  readonly apps: number
  readonly sabotage: SabotageName | undefined
  /** How long, at the end, all that was published may take to be handled, in milliseconds. */
  readonly patienceMs: number
  /** Whether the apps' logs are kept where nothing was amiss, too. */
  readonly keepsLogs: boolean
}

const defaults = { minutes: 3, apps: 3, patience: 180 }

/** What `--help` prints. */
export const usage = `npm run chaos -- [options]
  Runs apps under load while processes, PostgreSQL, Kafka and the network fail; then compares what was published with what
  became of it. Ends with 1 when anything is lost, applied twice, out of order, or left. See docs/chaos.md.

  --minutes N       how long faults come; ${defaults.minutes} by default, fractions too
  --seed N          decides which faults come when, and which records fail; a new one by default
  --broker NAME     postgres (the default) or kafka, which takes Java 17 and Maven
  --brokers N       Kafka's brokers: 1 (the default) or 3
  --apps N          app processes; ${defaults.apps} by default
  --patience N      seconds that the rest may take to be handled at the end; ${defaults.patience} by default
  --sabotage NAME   breaks a promise on purpose, to see that the run finds it: ${Object.keys(sabotages).join(', ')}
  --keep-logs       keeps the apps’ logs where nothing is amiss, too
  --help            this text
`

/**
 * Reads the command's arguments; undefined where help was asked for.
 *
 * @throws Error when they cannot be understood
 */
export function readOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: String(defaults.minutes) },
      seed: { type: 'string' },
      broker: { type: 'string', default: 'postgres' },
      brokers: { type: 'string', default: '1' },
      apps: { type: 'string', default: String(defaults.apps) },
      patience: { type: 'string', default: String(defaults.patience) },
      sabotage: { type: 'string' },
      'keep-logs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    minutes: readNumber('--minutes', values.minutes, 0.05, 24 * 60),
    seed: values.seed === undefined ? newSeed() : readWhole('--seed', values.seed, 0, 2 ** 32 - 1),
    ...readBroker(values.broker, values.brokers),
    apps: readWhole('--apps', values.apps, 2, 9),
    patienceMs: 1_000 * readNumber('--patience', values.patience, 1, 3_600),
    sabotage: readSabotage(values.sabotage),
    keepsLogs: values['keep-logs'],
  }
}

/** A seed by chance. */
export function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 32)
}

/** The command that repeats a run. */
export function commandFor({ minutes, seed, broker, brokers, apps, sabotage }: ChaosOptions): string {
  const cluster = broker === 'kafka' ? ` --brokers ${brokers}` : ''
  const broken = sabotage ? ` --sabotage ${sabotage}` : ''
  return `npm run chaos -- --minutes ${minutes} --seed ${seed} --broker ${broker}${cluster} --apps ${apps}${broken}`
}

function readBroker(broker: string, brokers: string): Pick<ChaosOptions, 'broker' | 'brokers'> {
  if (broker !== 'kafka' && broker !== 'postgres') throw new Error(`--broker takes kafka or postgres, not ${broker}.`)
  if (brokers !== '1' && brokers !== '3') throw new Error(`--brokers takes 1 or 3, not ${brokers}.`)
  if (broker === 'postgres' && brokers === '3') throw new Error('--brokers 3 goes with --broker kafka.')
  return { broker, brokers: brokers === '3' ? 3 : 1 }
}

function readSabotage(name: string | undefined): SabotageName | undefined {
  if (name === undefined || isSabotage(name)) return name
  throw new Error(`--sabotage takes one of ${Object.keys(sabotages).join(', ')}, not ${name}.`)
}

function isSabotage(name: string): name is SabotageName {
  return Object.hasOwn(sabotages, name)
}

function readWhole(option: string, text: string, low: number, high: number): number {
  const value = readNumber(option, text, low, high)
  if (Number.isInteger(value)) return value
  throw new Error(`${option} takes a whole number, not ${text}.`)
}

function readNumber(option: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= low && value <= high) return value
  throw new Error(`${option} takes a number from ${low} to ${high}, not ${text}.`)
}
