import { fail } from '../core/errors.ts'
import { misspelt } from './misspelt.ts'
import type { Parser } from './parsers.ts'

/** One environment variable. */
export interface Variable<Value = unknown, Default extends string | undefined = string | undefined> {
  readonly parse: Parser<Value>
  /** The text that counts where the variable is unset or empty; without one, its value is then undefined. */
  readonly default?: Default
  /** Shown as the default where there is none to write down, or in its stead: what happens then. */
  readonly unset?: string
  /** What it is for, in one sentence. */
  readonly doc: string
  /** Its value is never shown. */
  readonly secret?: boolean
}

/** Variables by their names. */
export type Variables = Readonly<Record<string, Variable>>

/** The values of a table of variables. */
export type ValuesOf<Table extends Variables> = {
  readonly [Name in keyof Table]: Table[Name] extends { readonly parse: Parser<infer Value> }
    ? Table[Name] extends { readonly default: string }
      ? Value
      : Value | undefined
    : never
}

/** What an environment says. */
export interface Configuration<Table extends Variables> {
  readonly values: ValuesOf<Table>
  /** Variables that are set but unknown, and close to a known name: for the log. */
  readonly warnings: readonly string[]
}

/** Reads the text of a variable, with what is wrong with it. */
type Reading = { readonly value: unknown } | { readonly problem: string }

/**
 * Reads an environment by a table of variables, once, at start. An empty variable counts as unset, as Compose and Helm
 * files write it.
 *
 * @throws CONFIG_INVALID which lists all problems together; values of secret variables are not in it.
 */
export function readEnvironment<const Table extends Variables>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
): Configuration<Table> {
  const readings = Object.entries(table).map(
    ([name, variable]) => [name, read(name, variable, environment[name])] as const,
  )
  const problems = readings.flatMap(([, reading]) => ('problem' in reading ? [reading.problem] : []))
  if (problems.length > 0) {
    throw fail('CONFIG_INVALID', { count: problems.length, problems: problems.map((each) => `- ${each}`).join('\n') })
  }
  const values = Object.fromEntries(readings.map(([name, reading]) => [name, 'value' in reading && reading.value]))
  return { values: values as ValuesOf<Table>, warnings: misspelt(environment, Object.keys(table)) }
}

function read(name: string, { parse, secret, default: preset }: Variable, given: string | undefined): Reading {
  const text = given?.trim() || preset
  if (text === undefined) return { value: undefined }
  const value = parse.read(text)
  if (value !== undefined) return { value }
  return { problem: `${name} is ${secret ? 'set, but its value' : `"${text}", which`} is not ${parse.expects}.` }
}
