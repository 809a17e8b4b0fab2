import type { Logger } from 'pino'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { Authenticate } from '../core/identity.ts'
import type { Millrace, Module, Routes } from '../core/module.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { SharedCounter } from '../ports/counter.ts'
import { Tracer } from '../tracing/index.ts'
import type { AdminSource } from './admin/routes.ts'
import type { HealthSource } from './health.ts'
import type { LiveSource } from './live/source.ts'
import { checkPages, type Pages } from './pages.ts'
import type { RateLimit } from './rate-limit.ts'
import type { TlsFiles } from './tls.ts'
import type { TrustProxy } from './trust-proxy.ts'

/** Options of `createHttpServer`. */
export interface HttpServerOptions {
  readonly host: string
  /** 0 takes any that is free; `url` then says which. */
  readonly port: number
  /** Title and version of the documentation. */
  readonly title: string
  readonly version: string
  /** Their routes are mounted at their prefixes. */
  readonly modules: readonly Module[]
  /** Handed to all routes. */
  readonly millrace: Millrace
  /** Routes of the app itself, mounted at `/`. */
  readonly appRoutes?: Routes
  readonly logger: Logger
  readonly metrics: Metrics
  /** Default: no spans. */
  readonly tracer?: Tracer
  readonly health: HealthSource
  readonly admin: AdminSource
  /** What requests to `/admin` have to bear. Without one they are all refused. */
  readonly adminToken?: string
  /** Tells who bears a token. Default: nobody does, and what needs a user is refused. */
  readonly authenticate?: Authenticate
  /** HTTPS instead of HTTP. Default: HTTP. */
  readonly tls?: TlsFiles
  /** Origins of other pages that may read answers: `https://app.example`, or `*` for all. Default: none. */
  readonly corsOrigins?: readonly string[]
  /** How often a user, or an address without one, may ask; health, metrics and the client of live updates aside. Default: without a limit. */
  readonly rateLimit?: RateLimit
  /** Counts for the limits of all processes together. Default: each counts for itself. */
  readonly counter?: SharedCounter
  /** Default: nobody; requests come from whoever has connected. */
  readonly trustProxy?: TrustProxy
  /** Serves live connections. Default: there are none. */
  readonly live?: LiveSource
  /**
   * Origins whose pages may open live connections besides the server's own, such as `https://example.org`; `*`: any. Behind
   * a proxy that changes the header `host`, the own one as well.
   *
   * @default none
   */
  readonly liveOrigins?: readonly string[]
  /** Pages that are served from files. Default: none. */
  readonly pages?: readonly Pages[]
  /** Most bytes of a request's body; a route may set its own. @default 1 MiB */
  readonly bodyLimit?: number
  /** How long a request may take to arrive whole. @default '30s' */
  readonly requestTimeout?: Duration
  /** How long an idle connection is kept. Longer than load balancers keep theirs, usually 60 s. @default '72s' */
  readonly keepAliveTimeout?: Duration
  /**
   * On stopping: how long to be not ready, and still serve, so that load balancers notice; then on until no request has
   * come for a moment, or for `drainTimeout`. @default 0: new connections are refused at once
   */
  readonly drainDelay?: Duration
  /** On stopping: how long requests under way may take before their connections are cut. @default '10s' */
  readonly drainTimeout?: Duration
}

/** The options with defaults filled in, durations in milliseconds. */
export type HttpConfig = Omit<
  HttpServerOptions,
  'requestTimeout' | 'keepAliveTimeout' | 'drainDelay' | 'drainTimeout'
> & {
  readonly tracer: Tracer
  readonly pages: readonly Pages[]
  readonly bodyLimit: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
}

/**
 * Fills in the defaults.
 *
 * @throws DEFINITION_INVALID
 */
export function httpConfig({
  requestTimeout = '30s',
  keepAliveTimeout = '72s',
  drainDelay = 0,
  drainTimeout = '10s',
  ...options
}: HttpServerOptions): HttpConfig {
  const { pages = [] } = options
  checkPages(pages)
  return {
    ...options,
    pages,
    tracer: options.tracer ?? new Tracer(),
    bodyLimit: options.bodyLimit ?? 1_048_576,
    requestTimeoutMs: milliseconds(requestTimeout),
    keepAliveTimeoutMs: milliseconds(keepAliveTimeout),
    drainDelayMs: milliseconds(drainDelay),
    drainTimeoutMs: milliseconds(drainTimeout),
  }
}
