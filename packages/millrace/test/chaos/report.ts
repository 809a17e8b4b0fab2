import { type ChaosOptions, commandFor } from './options.ts'
import type { Verdict } from './verdict.ts'

type Cell = string | number

/** What is printed at the end: tables, and how to have it all again. */
export function report(options: ChaosOptions, { traces, letters, others, incidents, errors }: Verdict): string {
  return [
    table(
      ['marks', 'found', 'lost', 'twice', 'misordered', 'unknown'],
      traces.map(({ where, count, lost, twice, misordered, unknown }) => [
        where,
        count,
        lost,
        twice,
        misordered,
        unknown,
      ]),
    ),
    table(
      ['dead letters', 'found', 'missing', 'unexpected'],
      letters.map(({ where, count, missing, unexpected }) => [where, count, missing, unexpected]),
    ),
    table(
      ['besides', 'found'],
      others.map(({ what, count }) => [what, count]),
    ),
    ...incidents.map((incident) => `incident: ${incident}`),
    `${errors === 0 ? 'No errors' : `${errors} ERRORS`}. Seed ${options.seed}; again: ${commandFor(options)}`,
  ].join('\n\n')
}

function table(head: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows].map((line) => line.map(String))
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const pad = (text: string, column: number) => {
    const width = widths[column] ?? 0
    return column === 0 ? text.padEnd(Math.max(36, width)) : text.padStart(Math.max(10, width))
  }
  return lines.map((line) => line.map(pad).join(' ')).join('\n')
}
