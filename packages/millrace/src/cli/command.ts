import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { isDuration, milliseconds } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import type { AdminClient } from './admin-client.ts'

/** What was given does not make a command. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The values of options, by name. */
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

/** An option, and what `--help` says of it. */
export type Options = Readonly<Record<string, ParseArgsOptionsConfig[string] & { readonly help: string }>>

/** What a command is run with. */
export interface Invocation {
  readonly client: AdminClient
  readonly values: Values
  readonly positionals: readonly string[]
  readonly isJson: boolean
}

/** One command of the program. */
export interface Command {
  /** Its words, one or two: `dead-letters ls`. */
  readonly name: string
  /** What follows them. */
  readonly usage: string
  readonly summary: string
  /** How many names or ids it takes, from and to. */
  readonly names: readonly [least: number, most: number]
  readonly options: Options
  /** Answers the exit code. */
  run(invocation: Invocation): Promise<number>
}

/** Options of every command. */
export const commonOptions: Options = {
  url: { type: 'string', help: 'where the app is; default http://127.0.0.1:8003' },
  token: { type: 'string', help: 'default: $ADMIN_TOKEN, or for an app on this machine $DATA_DIR/admin-token' },
  json: { type: 'boolean', help: 'answer as JSON' },
  help: { type: 'boolean', short: 'h', help: 'show this' },
}

/** @throws UsageError */
export function parse(given: readonly string[], options: Options): { values: Values; positionals: string[] } {
  try {
    const config = Object.fromEntries(Object.entries(options).map(([name, { help: _, ...option }]) => [name, option]))
    const { values, positionals } = parseArgs({ args: [...given], options: config, allowPositionals: true })
    return { values, positionals }
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

/** The text of an option. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** The whole number, from 1, of an option. */
export function numberOf(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} is "${text}", which is not a whole number from 1.`)
  return Number(text)
}

/** The time of an option, in ISO 8601: given as a time, or as how long ago. */
export function timeOf(values: Values, name: string): string | undefined {
  const text = textOf(values, name)
  if (text === undefined) return undefined
  const time = isDuration(text) ? Date.now() - milliseconds(text) : Date.parse(text)
  if (Number.isNaN(time)) {
    throw new UsageError(`--${name} is "${text}", which is neither a time (2026-01-31T10:00Z) nor how long ago (2h).`)
  }
  return new Date(time).toISOString()
}
