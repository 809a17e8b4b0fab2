/**
 * Which proxies are believed when they say, in `X-Forwarded-For`, whose request they pass on: so many, counted from this
 * process, or those with these addresses (`10.0.0.0/8`, `loopback`).
 */
export type TrustProxy = number | readonly string[]

/** In Fastify's words, which knows no number: it would not tell a proxy from whoever reaches the process past it. */
export function trustProxyOption(
  trust: TrustProxy = 0,
): false | string[] | ((address: string, hop: number) => boolean) {
  if (typeof trust === 'number') return trust > 0 && ((_address, hop) => hop < trust)
  return trust.length > 0 && [...trust]
}
