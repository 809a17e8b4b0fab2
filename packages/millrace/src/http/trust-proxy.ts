import { isIP } from 'node:net'
import { fail } from '../core/errors.ts'

/**
 * Which proxies are believed when they say, in `X-Forwarded-For`, whose request they pass on: so many, counted from this
 * process, or those with these addresses (`10.0.0.1`, `10.0.0.0/8`, `loopback`, `linklocal`, `uniquelocal`).
 */
export type TrustProxy = number | readonly string[]

/**
 * In Fastify's words, which knows no number: it would not tell a proxy from whoever reaches the process past it.
 *
 * @throws DEFINITION_INVALID
 */
export function trustProxyOption(
  trust: TrustProxy = 0,
): false | string[] | ((address: string, hop: number) => boolean) {
  if (typeof trust === 'number') return trust > 0 && ((_address, hop) => hop < trust)
  const wrong = trust.find((proxy) => !isNetwork(proxy))
  if (wrong !== undefined) {
    throw fail('DEFINITION_INVALID', { what: 'trustProxy', problem: `"${wrong}" is no address and no network` })
  }
  return trust.length > 0 && [...trust]
}

function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)
}
