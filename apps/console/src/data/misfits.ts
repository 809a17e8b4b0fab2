import { RequestError } from './request.ts'

/**
 * What the server has against the fields of a form, by field; empty where that is not all that went wrong.
 *
 * @param form whose fields have the names that the request's have
 */
export function misfitsOf(error: unknown, form: object): Readonly<Record<string, string>> {
  if (!(error instanceof RequestError)) return {}
  const placed = error.misfits.map(({ path, message }) => [path.replace(/^body\./, ''), capitalised(message)] as const)
  return placed.every(([field]) => field in form) ? Object.fromEntries(placed) : {}
}

function capitalised(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1)
}
