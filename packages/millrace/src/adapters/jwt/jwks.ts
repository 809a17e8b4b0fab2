import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import { messageOf } from '../../core/errors.ts'
import type { Authenticate } from '../../core/identity.ts'
import type { Logger } from '../../core/logger.ts'
import { KeySetSource } from './key-set-source.ts'
import { type Checks, identityOf } from './verify.ts'

/** Keys that are older than this are fetched anew, behind the back of who asks, so that a withdrawn one goes. */
const refreshAfterMs = 600_000

/** Between two fetches for a key nobody knows; whoever makes up key ids cannot have more. */
const cooldownMs = 30_000

/** Options of {@link createJwksAuthenticate}. */
export interface JwksOptions {
  /** Where the issuer has its keys: `https://issuer.example/.well-known/jwks.json`. */
  readonly url: string
  /** What the claims `iss` and `aud` of a token have to be. */
  readonly issuer: string
  readonly audience: string
  /** Asymmetric ones. @default ['RS256', 'PS256', 'ES256', 'EdDSA'] */
  readonly algorithms?: readonly string[]
  readonly logger: Logger
  /** How long a fetch may take. @default 5,000 */
  readonly timeoutMs?: number
  /** Of the two bounds above, for tests. */
  readonly refreshAfterMs?: number
  readonly cooldownMs?: number
}

/**
 * Recognises the tokens of an issuer elsewhere, by the keys it publishes (JWKS, as OpenID Connect has it). They are fetched
 * when the first token comes, when one names a key that is not known, and every ten minutes of use. While they cannot be
 * fetched, those that are known go on.
 *
 * @returns an `Authenticate` that throws IDENTITY_UNAVAILABLE when it cannot tell: the keys are away, and the token’s is
 *   not among those that are known
 */
export function createJwksAuthenticate(options: JwksOptions): Authenticate {
  const { issuer, audience, algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] } = options
  const keys = remoteKeys(options)
  const checks: Checks = { algorithms: [...algorithms], issuer, audience }
  return (token) => identityOf(token, keys, checks)
}

/** jose drops keys that are too old before it has new ones; here they stay until others have come. */
function remoteKeys({ url, logger, timeoutMs = 5_000, ...bounds }: JwksOptions): JWTVerifyGetKey {
  const cooldownDuration = bounds.cooldownMs ?? cooldownMs
  const source = new KeySetSource(timeoutMs, cooldownDuration)
  const set = createRemoteJWKSet(new URL(url), {
    timeoutDuration: timeoutMs,
    cooldownDuration,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: (address) => source.fetch(address),
  })
  const refresh = () => {
    if (set.reloading || !source.isOlderThan(bounds.refreshAfterMs ?? refreshAfterMs)) return
    set.reload().catch((error: unknown) => {
      logger.warn(
        { url, problem: messageOf(error) },
        'the keys of tokens cannot be fetched; those that are known go on',
      )
    })
  }
  return async (header, token) => {
    refresh()
    return set(header, token)
  }
}
