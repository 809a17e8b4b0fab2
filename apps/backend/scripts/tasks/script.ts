import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { messageOf } from 'millrace'

/** Variables of the environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Does its work with what it was given; answers the exit code. */
export type Script = (given: readonly string[], environment: Environment) => Promise<number>

/** What was given does not do, or there is nothing to work on: told in its own words. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

/** Runs a script; where it cannot do its work for a reason that whoever has called it can mend, the process ends with 2. */
export async function runScript(script: Script, given: readonly string[], environment: Environment): Promise<void> {
  process.exitCode = await script(given, environment).catch((error: unknown) => {
    if (!(error instanceof ScriptError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  })
}

/** Writes a line for whoever has called the script. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/**
 * Reads options; each is a text.
 *
 * @returns undefined where help was asked for
 * @throws ScriptError
 */
export function readOptions<Name extends string>(
  given: readonly string[],
  names: readonly Name[],
): Partial<Record<Name, string>> | undefined {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } }
  for (const name of names) options[name] = { type: 'string' }
  try {
    const { help, ...values } = parseArgs({ args: [...given], options }).values
    return help ? undefined : (values as Partial<Record<Name, string>>)
  } catch (error) {
    throw new ScriptError(`${messageOf(error)}\nSee --help.`)
  }
}
