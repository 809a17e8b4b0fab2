import { request as httpRequest, type IncomingMessage } from 'node:http'
import * as z from 'zod'
import { fail } from '../core/errors.ts'
import { defineModule, type Millrace } from '../core/module.ts'
import { createLogger, createMetrics } from '../observability/index.ts'
import type { AdminSource } from './admin/routes.ts'
import type { HealthSource } from './health.ts'
import type { HttpServerOptions } from './options.ts'
import { defineRoutes } from './routes.ts'
import { createHttpServer } from './server.ts'

const millrace = {} as Millrace
/** Says that all is well. */
export const healthy: HealthSource = {
  ready: async () => ({ ready: true, checks: { database: { ok: true } } }),
  progress: async () => ({ ok: true, consumers: [] }),
}

const thing = z.object({ id: z.int(), name: z.string().min(1) })

const routes = defineRoutes((route) => {
  route.post('/', { schema: { body: thing, response: { 200: thing } } }, async (request) => request.body)
  route.get(
    '/:id',
    {
      schema: {
        params: z.object({ id: z.coerce.number().int() }),
        querystring: z.object({ limit: z.coerce.number().max(10).optional() }),
      },
    },
    async (request) => ({ id: request.params.id }),
  )
  route.get('/wrong-answer', { schema: { response: { 200: thing } } }, async () => ({ id: 1, name: '' }))
  route.get('/broken', async () => {
    throw new Error('secret insides')
  })
  route.get('/away', async () => {
    const away = fail('DATABASE_UNAVAILABLE', { problem: 'connect ECONNREFUSED 10.0.0.1:5432' })
    throw new Error('Failed query: select secret', { cause: away })
  })
  route.get('/refused', async () => {
    throw Object.assign(new Error('too many requests'), { statusCode: 429 })
  })
})

const things = defineModule({ name: 'things', routes })

/** A server with a module of things, and the lines it logs. */
export function serve(options: Partial<HttpServerOptions> = {}) {
  const lines: string[] = []
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    title: 'Test',
    version: '1.0.0',
    modules: [things],
    millrace,
    logger,
    metrics: createMetrics(),
    health: healthy,
    admin: {} as AdminSource,
    ...options,
  })
  return { server, lines }
}

/** Sends a GET over the network; resolves with the answer’s head. */
export function get(
  base: string,
  path: string,
  options: Parameters<typeof httpRequest>[1] = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  httpRequest(base + path, options, resolve)
    .on('error', reject)
    .end()
  return promise
}
