import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface BenchOptions {
  /** None: list them. */
  readonly cases: readonly string[]
  readonly rounds: number | undefined
  readonly records: number | undefined
  /** Another checkout of this repository to compare with. */
  readonly against: string | undefined
  /** Where a Kafka is that is to be used instead of one of the bench's own. */
  readonly kafka: string | undefined
  /** A file for the reports, as JSON. */
  readonly json: string | undefined
  /** Run one side for a parent process; internal. */
  readonly side: string | undefined
}

/** How the command is used. */
export const usage =
  'npm run bench -- <case>… [--rounds N] [--records N] [--against <other checkout>] [--kafka HOST:PORT] [--json FILE]'

/** @throws an error that says what is wrong with the command line */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      records: { type: 'string' },
      against: { type: 'string' },
      kafka: { type: 'string' },
      json: { type: 'string' },
      side: { type: 'string' },
    },
  })
  return {
    cases: positionals,
    rounds: count('rounds', values.rounds),
    records: count('records', values.records),
    against: values.against,
    kafka: values.kafka,
    json: values.json,
    side: values.side,
  }
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number from 1`)
  return Number(text)
}
