import * as z from 'zod'
import { fail } from '../../core/errors.ts'
import type { RouteServer } from '../routes.ts'
import type { LiveSource } from './source.ts'

const statsSchema = z.object({
  total_connections: z.int().describe('Open connections of this process'),
  user_connections: z.int().describe('Distinct users that have one'),
  channels: z.record(z.string(), z.int()).describe('Open connections, by channel'),
})

/** Adds `GET /ws/stats`, and says of the channels that they are no ordinary routes. */
export function addLiveRoutes(server: RouteServer, live: LiveSource): void {
  const tags = ['live']
  server.get(
    '/stats',
    { schema: { tags, summary: 'The live connections of this process', response: { 200: statsSchema } } },
    async (_request, reply) => {
      const { connections, users, channels } = live.stats
      reply.header('cache-control', 'no-store')
      return { total_connections: connections, user_connections: users, channels }
    },
  )
  const params = z.object({ channel: z.string() })
  const query = z.object({
    token: z.string().optional().describe('Whom it is for; or as a bearer in the header authorization'),
    resume: z.string().optional().describe('Where the client left off: the last `at` it was given'),
  })
  server.get(
    '/:channel',
    {
      schema: { tags, summary: 'A channel’s live updates: a WebSocket, see docs/live.md', params, querystring: query },
    },
    async (request, reply) => {
      const { channel } = request.params
      if (!live.hasChannel(channel)) throw fail('ROUTE_NOT_FOUND', { method: 'GET', path: `/ws/${channel}` })
      reply.header('upgrade', 'websocket')
      throw fail('UPGRADE_REQUIRED', {})
    },
  )
}
