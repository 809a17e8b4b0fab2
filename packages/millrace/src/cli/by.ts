import { userInfo } from 'node:os'
import { textOf, type Values } from './command.ts'

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
