/** What a side is given for one round. */
export interface Round {
  /** A fresh database, prepared by the case; nobody else uses it. */
  readonly url: string
  /** For cases that need it. */
  readonly kafka?: RoundKafka | undefined
  /** How much work: the case's default or `--records`. */
  readonly records: number
}

/** A Kafka, and how names in it begin. */
export interface RoundKafka {
  /** `host:port,…` */
  readonly bootstrap: string
  /** Topics that `prepare` fills; all rounds of all sides read them. */
  readonly prepared: string
  /** Topics and groups of this round; nobody else uses them, and they are removed after it. */
  readonly fresh: string
}

/** What came of one round. */
export interface Result {
  /** By name of the case's metrics. */
  readonly values: Readonly<Record<string, number>>
  /** Printed after the last round, as they are. */
  readonly notes?: readonly string[]
}

/** A figure that every round of every side gives. */
export interface Metric {
  readonly name: string
  readonly unit: string
  /** The median must not be above this, where a side of Millrace is measured. */
  readonly atMost?: number
}

/** One way of doing the work. It runs in a process of its own, which lives for all rounds. */
export interface Side {
  readonly run: (round: Round) => Promise<Result>
  /** A side of Millrace, not one written by hand: it has the limits of {@link Metric}, and `--against` runs it. */
  readonly isMillrace?: boolean
}

/** What the ratio of two sides must be. */
export interface NeededRatio {
  readonly metric: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** A question, and the sides that answer it. */
export interface BenchCase {
  readonly name: string
  readonly question: string
  /** What it needs besides PostgreSQL. */
  readonly needs?: 'kafka'
  /** @default for `--records` */
  readonly records: number
  /** Rounds that count. @default 7 */
  readonly rounds?: number
  /** Whether a round that does not count comes first, so that code is compiled and files are warm. @default true */
  readonly hasWarmUp?: boolean
  /** Fills the empty database that each round gets a copy of. */
  readonly prepare: (round: Round) => Promise<void>
  readonly metrics: readonly Metric[]
  readonly sides: Readonly<Record<string, Side>>
  /** The first side is compared to the second by these metrics, round by round. */
  readonly ratios?: readonly NeededRatio[]
}
