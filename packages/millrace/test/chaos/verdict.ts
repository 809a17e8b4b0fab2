import type { Findings, Mark } from '../faults/ledger.ts'
import { flawless, Ledger } from '../faults/ledger.ts'
import type { Doomed } from './fates.ts'

/** Where a record lies. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A dead letter: of a mark, or of what is none. */
export interface Letter extends Place {
  readonly consumer: string
  readonly mark: Mark | undefined
}

/** Marks that were found somewhere, in the order they lie there. */
export interface Trace {
  readonly where: string
  /** Which of the marks that were published are to be there. */
  readonly streams: readonly string[]
  readonly marks: readonly Mark[]
  /** Whether a mark may be there again: a topic has it as often as it was sent. */
  readonly mayRepeat: boolean
}

/** What is there when all is over. */
export interface Evidence {
  readonly traces: readonly Trace[]
  /** Before the handlers were mended. */
  readonly deadBefore: readonly Letter[]
  /** After all were redriven. */
  readonly deadAfter: readonly Letter[]
  /** Records in topics that nobody can decode. */
  readonly undecodable: readonly Place[]
  /** How many of these the broker had confirmed. */
  readonly foreignConfirmed: number
  /** Records that still wait for another one, or for their next attempt. */
  readonly parked: number
  /** Times that records were gone before they were handled. */
  readonly gaps: number
  /** What happened that no fault has asked for. */
  readonly incidents: readonly string[]
}

/** What was found in one place. */
export interface TraceFindings extends Findings {
  readonly where: string
  readonly count: number
}

/** What was found amiss among dead letters. */
export interface LetterFindings {
  readonly where: string
  readonly count: number
  /** To be there, and not there. */
  readonly missing: number
  /** There, and not to be there, or there more than once. */
  readonly unexpected: number
}

/** The outcome of a run. */
export interface Verdict {
  readonly traces: readonly TraceFindings[]
  readonly letters: readonly LetterFindings[]
  readonly others: readonly { readonly what: string; readonly count: number }[]
  readonly incidents: readonly string[]
  /** All that is amiss, counted. */
  readonly errors: number
}

/** What was published. */
export interface Account {
  /** By stream. */
  readonly ledgers: ReadonlyMap<string, Ledger>
  /** The records that are to be given up before the handlers are mended. */
  readonly doomed: readonly Doomed[]
}

/** The consumer that reads what foreign programs write. */
const readerOfForeign = 'marks'

/** Compares what is there with what was published. */
export function judgeRun(account: Account, evidence: Evidence): Verdict {
  const { undecodable, deadBefore, deadAfter, parked, gaps, incidents } = evidence
  const traces = evidence.traces.map((trace) => examineTrace(account.ledgers, trace))
  const ofMarks = (letters: readonly Letter[]) => letters.filter(({ mark }) => mark).map(nameOfMark)
  const ofOthers = (letters: readonly Letter[]) => letters.filter(({ mark }) => !mark).map(nameOfPlace)
  const foreign = undecodable.map((place) => nameOfPlace({ consumer: readerOfForeign, ...place }))
  const letters = [
    compare(
      'dead letters of hopeless records',
      account.doomed.map((mark) => nameOfMark({ ...mark, mark })),
      ofMarks(deadBefore),
    ),
    compare('dead letters of undecodable ones', foreign, ofOthers(deadBefore)),
    compare('the same after all were redriven', foreign, ofOthers(deadAfter)),
  ]
  const others = [
    { what: 'undecodable records lost', count: Math.max(0, evidence.foreignConfirmed - undecodable.length) },
    { what: 'still parked', count: parked },
    { what: 'still dead', count: ofMarks(deadAfter).length },
    { what: 'gaps', count: gaps },
    { what: 'incidents', count: incidents.length },
  ]
  const errors = [
    ...traces.flatMap(({ lost, twice, misordered, unknown }) => [lost, twice, misordered, unknown]),
    ...letters.flatMap(({ missing, unexpected }) => [missing, unexpected]),
    ...others.map(({ count }) => count),
  ].reduce((sum, count) => sum + count, 0)
  return { traces, letters, others, incidents, errors }
}

function examineTrace(ledgers: Account['ledgers'], { where, streams, marks, mayRepeat }: Trace): TraceFindings {
  const sum = { ...flawless, where, count: marks.length }
  const byStream = Map.groupBy(marks, ({ stream }) => stream)
  for (const stream of new Set([...streams, ...byStream.keys()])) {
    const ledger = (streams.includes(stream) && ledgers.get(stream)) || new Ledger()
    const found = ledger.examine(byStream.get(stream) ?? [])
    sum.lost += found.lost
    sum.twice += mayRepeat ? 0 : found.twice
    sum.misordered += found.misordered
    sum.unknown += found.unknown
  }
  return sum
}

function compare(where: string, expected: readonly string[], found: readonly string[]): LetterFindings {
  const left = new Set(expected)
  const unexpected = found.filter((name) => !left.delete(name)).length
  return { where, count: found.length, missing: left.size, unexpected }
}

function nameOfMark({ consumer, mark }: Pick<Letter, 'consumer' | 'mark'>): string {
  return JSON.stringify([consumer, mark?.stream, mark?.key, mark?.n])
}

function nameOfPlace({ consumer, topic, partition, offset }: Omit<Letter, 'mark'>): string {
  return JSON.stringify([consumer, topic, partition, offset])
}
