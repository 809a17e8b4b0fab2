import type { IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type FastifyBaseLogger,
  fastify,
  type InjectOptions,
  type LightMyRequestResponse,
  LogController,
} from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { fail, messageOf } from '../core/errors.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Routes } from '../core/module.ts'
import { addAdminRoutes } from './admin/routes.ts'
import { Arrivals } from './arrivals.ts'
import { recogniseUsers } from './auth/users.ts'
import { allowOrigins } from './cors.ts'
import { addDocs, collectDocs } from './docs.ts'
import { answerBrokenRequest, answerError, answerErrors } from './errors.ts'
import { addHealthRoutes } from './health.ts'
import { addLiveRoutes } from './live/routes.ts'
import { isUpgrade, Upgrades } from './live/upgrades.ts'
import { type HttpConfig, type HttpServerOptions, httpConfig } from './options.ts'
import { addPages, isOfPages } from './pages.ts'
import { limitAllRequests, prepareRateLimits } from './rate-limit.ts'
import { requestId } from './request-id.ts'
import type { RouteServer } from './routes.ts'
import { addSecurityHeaders } from './security-headers.ts'
import { addTelemetry } from './telemetry.ts'
import { readKeyPair, reloadKeyPair } from './tls.ts'
import { addTracing } from './tracing.ts'
import { trustProxyOption } from './trust-proxy.ts'

/** How often connections that have become idle are closed while draining. */
const sweepEveryMs = 50

/** The HTTP server of an app. */
export interface HttpServer extends Part {
  /** Where it answers, without a slash at the end: `http://127.0.0.1:8003`. The port is known once it has started. */
  readonly url: string
  /** Sends a request without a network, for tests. */
  inject(request: InjectOptions | string): Promise<LightMyRequestResponse>
}

/**
 * Makes the HTTP server: the modules' routes, pages, `/docs`, `/openapi.json`, `/metrics`, `/health/*` and `/admin/*`. Every path
 * answers with and without a slash at its end; every error is `application/problem+json`.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  return new FastifyHttpServer(httpConfig(options))
}

class FastifyHttpServer implements HttpServer {
  readonly name = 'http'
  readonly stopWithin: number
  readonly #config: HttpConfig
  readonly #server: RouteServer
  readonly #arrivals = new Arrivals()
  readonly #upgrades: Upgrades | undefined
  #stopping = false
  #endReloading = () => {}

  constructor(config: HttpConfig) {
    this.#config = config
    this.#server = createServer(config)
    // A second more than its own bounds: those are the ones to act.
    this.stopWithin = config.drainDelayMs + 2 * config.drainTimeoutMs + 1_000
    const isStopping = () => this.#stopping
    addEverything(this.#server, config, { isStopping, arrivals: this.#arrivals })
    const { live, authenticate, liveOrigins: origins = [], logger } = config
    this.#upgrades = live && new Upgrades({ live, authenticate, origins, isStopping, logger })
    this.#upgrades?.serve(this.#server.server)
  }

  get url(): string {
    const { host, port, tls } = this.#config
    const listening = this.#server.server.address() as AddressInfo | null
    return `${tls ? 'https' : 'http'}://${reachable(host)}:${listening?.port ?? port}`
  }

  inject(request: InjectOptions | string): Promise<LightMyRequestResponse> {
    return this.#server.inject(request)
  }

  async start(): Promise<void> {
    const { host, port, tls, logger } = this.#config
    // First, so that what is wrong with a route is not taken for a problem of the port.
    await this.#server.ready()
    try {
      await this.#server.listen({ host, port })
    } catch (error) {
      throw fail('LISTEN_FAILED', { host, port, problem: messageOf(error) }, { cause: error })
    }
    // The server is of this kind where there are such files.
    if (tls) this.#endReloading = reloadKeyPair(this.#server.server as unknown as HttpsServer, tls, logger)
  }

  /**
   * Not ready first, until nobody sends requests any more; then no new connections, and each old one closes after its
   * current request. Live clients are told to go on elsewhere meanwhile.
   */
  async stop(): Promise<void> {
    const { drainDelayMs, drainTimeoutMs } = this.#config
    this.#stopping = true
    this.#endReloading()
    await sleep(drainDelayMs)
    if (drainDelayMs > 0) await this.#arrivals.ended(drainTimeoutMs)
    const { server } = this.#server
    const sweep = setInterval(() => server.closeIdleConnections(), sweepEveryMs)
    const bound = setTimeout(() => this.#cut(), drainTimeoutMs)
    try {
      await Promise.all([this.#server.close(), this.#config.live?.leaveAll()])
    } finally {
      clearInterval(sweep)
      clearTimeout(bound)
    }
  }

  #cut(): void {
    this.#config.logger.warn({ afterMs: this.#config.drainTimeoutMs }, 'requests still under way were cut off')
    this.#server.server.closeAllConnections()
    this.#upgrades?.cut()
  }
}

function createServer(config: HttpConfig): RouteServer {
  const loggerInstance: FastifyBaseLogger = config.logger
  const isLive = (request: IncomingMessage) => config.live !== undefined && isUpgrade(request)
  // Others that offer to speak something else (HTTP/2) are answered in HTTP/1.1.
  const upgrading = { shouldUpgradeCallback: isLive }
  return fastify({
    ...(config.tls && { https: { ...readKeyPair(config.tls), ...upgrading } }),
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    http: upgrading,
    bodyLimit: config.bodyLimit,
    requestTimeout: config.requestTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: trustProxyOption(config.trustProxy),
    genReqId: requestId,
    // While draining, what still arrives on an open connection is served, and told to close it.
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerBrokenRequest,
  })
    .withTypeProvider<ZodTypeProvider>()
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
}

interface Draining {
  readonly isStopping: () => boolean
  readonly arrivals: Arrivals
}

function addEverything(server: RouteServer, config: HttpConfig, { isStopping, arrivals }: Draining): void {
  // JSON alone, unless a module adds a parser.
  server.removeContentTypeParser('text/plain')
  answerErrors(server)
  server.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
    if (isStopping()) reply.header('connection', 'close')
  })
  protect(server, config)
  server.register(async (scope: RouteServer) => {
    await collectDocs(scope, config)
    addTelemetry(scope, config.metrics)
    scope.register(async (health: RouteServer) => addHealthRoutes(health, config.health, isStopping), {
      prefix: '/health',
    })
    scope.register(async (admin: RouteServer) => addAdminRoutes(admin, config.admin, config.adminToken), {
      prefix: '/admin',
    })
    const { live } = config
    if (live) scope.register(async (routes: RouteServer) => addLiveRoutes(routes, live), { prefix: '/ws' })
    for (const pages of config.pages)
      scope.register(async (files: RouteServer) => addPages(files, pages), { prefix: pages.at })
    if (config.appRoutes) mount(scope, config, { routes: config.appRoutes, prefix: '/', tag: 'app', arrivals })
    for (const { name, routes, prefix } of config.modules)
      if (routes) mount(scope, config, { routes, prefix, tag: name, arrivals })
    await addDocs(scope, config)
  })
}

/** In this order: a refused request has its headers, and is counted whether its token was good or not. */
function protect(server: RouteServer, config: HttpConfig): void {
  const { tls, corsOrigins = [], authenticate, rateLimit, pages, metrics, counter } = config
  addSecurityHeaders(server, tls !== undefined)
  allowOrigins(server, corsOrigins)
  prepareRateLimits(server, metrics, counter)
  // Once those are there, whose hooks come first.
  server.after(() => {
    recogniseUsers(server, authenticate)
    if (rateLimit) limitAllRequests(server, rateLimit, ({ url }) => isOfPages(url, pages))
  })
}

function mount(
  server: RouteServer,
  { millrace, tracer }: HttpConfig,
  at: { routes: Routes; prefix: string; tag: string; arrivals: Arrivals },
): void {
  const register = at.routes.register as (route: RouteServer, app: typeof millrace) => void | Promise<void>
  server.register(
    async (scope: RouteServer) => {
      addTracing(scope, tracer)
      scope.addHook('onRoute', (route) => {
        route.schema = { tags: [at.tag], ...route.schema }
      })
      scope.addHook('onRequest', (_request, _reply, done) => {
        at.arrivals.note()
        done()
      })
      await register(scope, millrace)
    },
    { prefix: at.prefix === '/' ? '' : at.prefix },
  )
}

/** A host that stands for every address is reached by the loopback one; IPv6 goes in brackets. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
