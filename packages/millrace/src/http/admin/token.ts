import { createHash, timingSafeEqual } from 'node:crypto'
import { fail } from '../../core/errors.ts'
import { bearerOf } from '../auth/bearer.ts'
import type { RouteServer } from '../routes.ts'

/**
 * Refuses every request that does not bear the token; all of them where there is none.
 *
 * @throws ADMIN_UNAUTHORIZED, as the answer
 */
export function requireToken(server: RouteServer, token: string | undefined): void {
  const expected = token ? digestOf(token) : undefined
  server.addHook('onRequest', async (request, reply) => {
    const given = bearerOf(request)
    // Digests are of one length, whatever was sent, and comparing them tells nothing of how much of it was right.
    if (expected && given && timingSafeEqual(digestOf(given), expected)) return
    reply.header('www-authenticate', 'Bearer')
    throw fail('ADMIN_UNAUTHORIZED', {})
  })
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
