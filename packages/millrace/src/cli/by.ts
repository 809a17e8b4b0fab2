import { userInfo } from 'node:os'
import { type Options, textOf, type Values } from './command.ts'

/** `--by`, of every command that changes something. */
export const byOption: Options = {
  by: { type: 'string', help: 'who asks, for the audit; default: your user name' },
}

/** Who asks, for the audit: `--by`, else the name of the user. */
export function byOf(values: Values): string {
  const user = textOf(values, 'by') ?? userName()
  return user === undefined ? 'cli' : `cli: ${user}`
}

function userName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    // A user id without an account, as containers have it.
    return undefined
  }
}
