import { SignJWT } from 'jose'
import { type Clock, systemClock } from '../../core/clock.ts'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { fail } from '../../core/errors.ts'
import type { Authenticate } from '../../core/identity.ts'
import { type Checks, identityOf } from './verify.ts'

/** HS256 takes a key as long as its hash (RFC 7518, 3.2). */
const shortestSecret = 32

/** Says in the header what it is: whatever else is signed with the secret does not pass for it (RFC 9068). */
const typ = 'at+jwt'

/** Options of {@link createJwtTokens}. */
export interface JwtTokensOptions {
  /** Signs and verifies; at least 32 bytes. Whoever has it is every user. */
  readonly secret: string
  /** The claims `iss` and `aud`, which tokens are given and have to have. */
  readonly issuer: string
  readonly audience: string
  /** How long a token is good for. */
  readonly lifetime: Duration
  readonly clock?: Clock
}

/** A token that was just made. */
export interface IssuedToken {
  readonly token: string
  /** Seconds until it is worth nothing. */
  readonly expiresIn: number
}

/** The app’s own tokens: made and recognised by one secret. */
export interface JwtTokens {
  readonly authenticate: Authenticate
  /** Makes the access token of a user. */
  issue(userId: string): Promise<IssuedToken>
}

/**
 * Makes and recognises the app’s own access tokens: JWT, signed by HMAC with SHA-256, no other algorithm.
 *
 * @throws SECRET_TOO_SHORT
 */
export function createJwtTokens({ clock = systemClock, ...options }: JwtTokensOptions): JwtTokens {
  const { issuer, audience } = options
  const key = keyOf(options.secret)
  const expiresIn = Math.round(milliseconds(options.lifetime) / 1_000)
  const checks: Checks = { algorithms: ['HS256'], issuer, audience, typ }
  return {
    authenticate: (token) => identityOf(token, () => key, { ...checks, currentDate: clock.now() }),
    issue: async (userId) => {
      const now = Math.floor(clock.now().getTime() / 1_000)
      const claims = { iss: issuer, aud: audience, sub: userId, iat: now, exp: now + expiresIn }
      return { token: await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ }).sign(key), expiresIn }
    },
  }
}

function keyOf(secret: string): Uint8Array {
  const key = new TextEncoder().encode(secret)
  if (key.length < shortestSecret) throw fail('SECRET_TOO_SHORT', { bytes: key.length, needed: shortestSecret })
  return key
}
