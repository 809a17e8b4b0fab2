import type { Stage } from '../stage.ts'

/** What there is to befall. */
export interface Cast {
  /** Apps that are there all the time. */
  readonly apps: number
  /** Kafka's; 0: none. */
  readonly brokers: number
}

/** Something that goes wrong for a while. */
export interface Fault {
  /** In the words of the run's account. */
  readonly describe: (target: number) => string
  /** How many things it can befall; it is told which, from 0. */
  readonly targets: (cast: Cast) => number
  /** What it breaks: no two faults break the same at a time. */
  readonly resource: (target: number) => string
  /** Shortest and longest, in milliseconds. */
  readonly lasts: readonly [number, number]
  readonly begin: (stage: Stage, target: number) => Promise<void> | void
  /** Resolves when what was broken is whole again. */
  readonly end: (stage: Stage, target: number) => Promise<void> | void
}
