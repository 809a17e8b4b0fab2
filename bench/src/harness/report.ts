import type { BenchCase, NeededRatio } from './definition.ts'
import type { Series } from './run-case.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** What a run of a case came to. */
export interface Report {
  readonly name: string
  readonly question: string
  readonly records: number
  readonly rounds: number
  /** By side and metric. */
  readonly sides: Readonly<Record<string, Readonly<Record<string, Spread>>>>
  readonly ratios: readonly Ratio[]
  readonly requirements: readonly Requirement[]
  readonly notes: readonly string[]
  readonly series: readonly Series[]
}

/** One side divided by another, round by round. */
export interface Ratio {
  readonly of: string
  readonly to: string
  readonly metric: string
  readonly spread: Spread
}

/** Something that must hold. */
export interface Requirement {
  readonly text: string
  readonly isMet: boolean
}

/** Sums up the rounds of a case. */
export function reportOn(
  bench: BenchCase,
  series: readonly Series[],
  run: { readonly records: number; readonly rounds: number; readonly isComparison: boolean },
): Report {
  const sides = Object.fromEntries(series.map((one) => [one.side, spreadsOf(bench, one)]))
  const ratios = ratiosOf(bench, series, run.isComparison)
  return {
    name: bench.name,
    question: bench.question,
    records: run.records,
    rounds: run.rounds,
    sides,
    ratios,
    requirements: [...limits(bench, series, sides), ...(run.isComparison ? [] : ratioRequirements(bench, ratios))],
    notes: series.flatMap(({ side, results }) => (results.at(-1)?.notes ?? []).map((note) => `${side}: ${note}`)),
    series,
  }
}

function spreadsOf({ metrics }: BenchCase, series: Series): Record<string, Spread> {
  return Object.fromEntries(metrics.map(({ name }) => [name, spreadOf(figures(series, name))]))
}

function figures({ results }: Series, metric: string): number[] {
  return results.map(({ values }) => values[metric] ?? Number.NaN)
}

function ratiosOf(bench: BenchCase, series: readonly Series[], isComparison: boolean): Ratio[] {
  const metrics = bench.ratios?.map(({ metric }) => metric) ?? leadingMetric(bench, isComparison)
  // Sides come in pairs: ours and the one by hand, or one side here and there.
  return series.flatMap((one, index) => {
    const other = index % 2 === 0 ? series[index + 1] : undefined
    return other ? metrics.map((metric) => ratioOf(metric, one, other)) : []
  })
}

function leadingMetric({ metrics }: BenchCase, isComparison: boolean): string[] {
  return isComparison ? metrics.slice(0, 1).map(({ name }) => name) : []
}

function ratioOf(metric: string, one: Series, other: Series): Ratio {
  const theirs = figures(other, metric)
  const spread = spreadOf(figures(one, metric).map((figure, round) => figure / (theirs[round] ?? Number.NaN)))
  return { of: one.side, to: other.side, metric, spread }
}

function ratioRequirements({ ratios: needed = [] }: BenchCase, ratios: readonly Ratio[]): Requirement[] {
  return ratios.flatMap(({ of, to, metric, spread: { median } }) => {
    const what = `${metric}, ${of} / ${to}, is ${median.toFixed(2)}`
    return needed.filter((one) => one.metric === metric).flatMap((one) => bounds(one, what, median))
  })
}

function bounds({ atLeast, atMost }: NeededRatio, what: string, median: number): Requirement[] {
  return [
    ...(atLeast === undefined ? [] : [{ text: `${what}, at least ${atLeast} required`, isMet: median >= atLeast }]),
    ...(atMost === undefined ? [] : [{ text: `${what}, at most ${atMost} required`, isMet: median <= atMost }]),
  ]
}

function limits(bench: BenchCase, series: readonly Series[], sides: Report['sides']): Requirement[] {
  return series
    .filter(({ isMillrace }) => isMillrace)
    .flatMap(({ side }) =>
      bench.metrics.flatMap(({ name, unit, atMost }) => {
        const median = sides[side]?.[name]?.median ?? Number.NaN
        if (atMost === undefined) return []
        return [
          { text: `${side}: ${name} is ${shown(median)} ${unit}, at most ${atMost} required`, isMet: median <= atMost },
        ]
      }),
    )
}

/** A report for people. */
export function render(report: Report, bench: BenchCase): string {
  const { name, question, records, rounds, sides, ratios, requirements, notes } = report
  const tables = bench.metrics.flatMap((metric) => [
    '',
    ...table(`${metric.name} (${metric.unit})`, metric.name, sides),
  ])
  return [
    '',
    `${name}: ${question}`,
    `${counted(records, 'record')}, ${counted(rounds, 'round')}`,
    ...tables,
    ...(ratios.length > 0 ? [''] : []),
    ...ratios.map(({ of, to, metric, spread }) => {
      const quartiles = `quartiles ${spread.lowerQuartile.toFixed(2)} to ${spread.upperQuartile.toFixed(2)}`
      return `${metric}, ${of} / ${to}, round by round: median ${spread.median.toFixed(2)} (${quartiles})`
    }),
    ...notes,
    ...requirements.map(({ text, isMet }) => `${isMet ? 'met    ' : 'NOT MET'} ${text}`),
  ].join('\n')
}

function counted(number: number, noun: string): string {
  return `${shown(number)} ${noun}${number === 1 ? '' : 's'}`
}

function table(title: string, metric: string, sides: Report['sides']): string[] {
  const rows = Object.entries(sides).map(([side, metrics]) => {
    const { min, median, max } = metrics[metric] ?? spreadOf([])
    return [side, shown(min), shown(median), shown(max)]
  })
  const all = [[title, 'min', 'median', 'max'], ...rows]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2)))
      .join(''),
  )
}

/** A figure with as many digits as matter. */
export function shown(figure: number): string {
  return figure.toLocaleString('en', { maximumFractionDigits: Math.abs(figure) >= 100 ? 0 : 2 })
}
