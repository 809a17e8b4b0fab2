import * as z from 'zod'
import { defineChannel } from '../core/channel.ts'
import type { Identity } from '../core/identity.ts'
import { defineModule } from '../core/module.ts'

/** Numbers that are counted for a user. */
export const counts = defineChannel('counts', {
  message: z.discriminatedUnion('type', [
    z.object({ type: z.literal('counted'), data: z.object({ n: z.int(), padding: z.string().optional() }) }),
  ]),
  audience: (user) => user.id,
})
/** The same for everybody. */
export const news = defineChannel('news', {
  message: z.object({ type: z.literal('told'), data: z.object({ n: z.int(), padding: z.string().optional() }) }),
  audience: () => 'all',
})

export const liveModules = [defineModule({ name: 'counting', channels: [counts, news] })]

/** A token is `user`, or `user/milliseconds it is good for from when it was made`. */
export async function authenticate(token: string): Promise<Identity | undefined> {
  const [id = '', expires] = token.split('/')
  if (id === '' || id === 'nobody') return undefined
  if (id === 'broken') throw new Error('whoever knows is away')
  return { id, expiresAt: expires === undefined ? undefined : new Date(Number(expires)) }
}
