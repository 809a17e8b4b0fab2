import { messageOf } from '../core/errors.ts'
import { explainError } from '../main/explain-error.ts'
import { AdminClient, type Environment, RequestRefused } from './admin-client.ts'
import { type Command, commonOptions, parse, UsageError } from './command.ts'
import { consumerCommands } from './consumers.ts'
import { deadLetterCommands } from './dead-letters.ts'
import { commandHelp, generalHelp } from './help.ts'
import { visible } from './output.ts'
import { replayCommands } from './replays.ts'
import { scheduleCommands } from './schedules.ts'

const commands: readonly Command[] = [
  ...deadLetterCommands,
  ...consumerCommands,
  ...replayCommands,
  ...scheduleCommands,
]

/**
 * Runs `millrace` with its arguments and sets the exit code: 0 when all went well, 1 when something failed or was left as it
 * is, 2 when the command was not understood.
 */
export async function main(given: readonly string[], environment: Environment): Promise<void> {
  // A reader that has seen enough, such as `head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.exitCode = await run(given, environment).catch((error: unknown) => {
    process.stderr.write(`${explained(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  })
}

async function run(given: readonly string[], environment: Environment): Promise<number> {
  const command = commands.find(({ name }) => name === given.slice(0, name.split(' ').length).join(' '))
  if (!command) return helpFor(given)
  const { values, positionals } = parse(given.slice(command.name.split(' ').length), {
    ...commonOptions,
    ...command.options,
  })
  if (values['help']) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  const [least, most] = command.names
  if (positionals.length < least || positionals.length > most) {
    throw new UsageError(`usage: millrace ${command.name} ${command.usage}`)
  }
  const client = await AdminClient.create(values, environment)
  return command.run({ client, values, positionals, isJson: values['json'] === true })
}

/** What there is, where that was asked for. */
function helpFor([group = '--help', ...rest]: readonly string[]): number {
  const isAll = ['--help', '-h', 'help'].includes(group)
  const known = commands.filter(({ name }) => isAll || name.startsWith(`${group} `))
  const isAsked = isAll || rest.length === 0 || rest.some((word) => word === '--help' || word === '-h')
  if (known.length === 0 || !isAsked) {
    throw new UsageError(`There is no command "${[group, ...rest.slice(0, 1)].join(' ')}". See millrace --help.`)
  }
  process.stdout.write(generalHelp(known))
  return 0
}

function explained(error: unknown): string {
  if (error instanceof UsageError) return visible(error.message)
  if (error instanceof RequestRefused) return visible([messageOf(error), ...error.remedies].join('\n  '))
  return visible(explainError(error))
}
