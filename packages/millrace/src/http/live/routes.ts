import * as z from 'zod'
import { fail } from '../../core/errors.ts'
import type { RouteServer } from '../routes.ts'
import { clientFiles } from './client-files.ts'
import type { LiveSource } from './source.ts'

const statsSchema = z.object({
  total_connections: z.int().describe('Open connections of this process'),
  user_connections: z.int().describe('Distinct users that have one'),
  channels: z.record(z.string(), z.int()).describe('Open connections, by channel'),
})

/** Adds `GET /ws/stats` and the browser's client, and says of the channels that they are no ordinary routes. */
export function addLiveRoutes(server: RouteServer, live: LiveSource): void {
  const tags = ['live']
  addClient(server)
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

/** `import { createLiveClient } from '/ws/client.js'`; browsers ask each time whether it is still the same. */
function addClient(server: RouteServer): void {
  for (const { path, text, etag } of clientFiles()) {
    server.get(`/${path}`, { schema: { hide: true } }, async (request, reply) => {
      reply.headers({ etag, 'cache-control': 'no-cache' })
      const has = request.headers['if-none-match']?.split(/\s*,\s*/) ?? []
      if (has.includes(etag) || has.includes(`W/${etag}`)) return reply.code(304).send()
      return reply.type('text/javascript; charset=utf-8').send(text)
    })
  }
}
