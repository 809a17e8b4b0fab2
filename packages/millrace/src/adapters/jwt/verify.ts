import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import { fail } from '../../core/errors.ts'
import type { Identity } from '../../core/identity.ts'

/** A longer token is none: nothing that issues them comes near. */
const longestToken = 8_192

/** Seconds that the clocks of issuer and verifier may differ. */
const clockTolerance = 5

/** A user’s id goes into rows and keys. */
const longestId = 200

/** What a token has to say besides being signed. */
export type Checks = Required<Pick<JWTVerifyOptions, 'algorithms' | 'issuer' | 'audience'>> &
  Pick<JWTVerifyOptions, 'typ' | 'currentDate'>

/**
 * Tells whose a token is; undefined where it is forged, expired, meant for another audience, or none at all.
 *
 * @throws IDENTITY_UNAVAILABLE when the keys that would tell cannot be had
 */
export async function identityOf(token: string, keys: JWTVerifyGetKey, checks: Checks): Promise<Identity | undefined> {
  if (token.length > longestToken) return undefined
  try {
    const { payload } = await jwtVerify(token, keys, { ...checks, clockTolerance, requiredClaims: ['sub', 'exp'] })
    return identityIn(payload)
  } catch (error) {
    // Of all that jose finds wrong, this alone is not the token’s fault.
    if (error instanceof errors.JWKSInvalid) throw fail('IDENTITY_UNAVAILABLE', { problem: error.message })
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

function identityIn({ sub, exp }: JWTPayload): Identity | undefined {
  if (typeof sub !== 'string' || typeof exp !== 'number') return undefined
  if (sub === '' || sub.length > longestId || sub.includes('\0') || !sub.isWellFormed()) return undefined
  return { id: sub, expiresAt: new Date(exp * 1_000) }
}
