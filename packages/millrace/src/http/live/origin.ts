import type { IncomingMessage } from 'node:http'

/**
 * Whether a page of the request's origin may connect. Browsers let any page open a WebSocket anywhere; programs send no
 * origin, and nothing that they would not have themselves.
 *
 * @param allowed origins besides the server's own, as browsers write them: `https://example.org`; `*`: any
 */
export function isAllowedOrigin({ headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true
  return URL.parse(origin)?.host === host && host !== undefined
}
