import type { RedisClientOptions } from 'redis'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { fail } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/logger.ts'

/** How connections are encrypted. */
export interface RedisTls {
  /** The certificate authority of the server, as PEM. Default: those Node trusts. */
  readonly ca?: string
}

/** Options of {@link createRedisBus} and {@link createRedisCounter}. */
export interface RedisOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` for TLS. */
  readonly url: string
  /** With `rediss://`. */
  readonly tls?: RedisTls
  /** In front of all names, where several installations share a Redis. @default 'millrace' */
  readonly prefix?: string
  /** How long the bus may be silent before the log is looked at. @default '1s' */
  readonly lookInterval?: Duration
  readonly logger?: Logger
}

/** The options with defaults filled in, durations in milliseconds. */
export interface RedisConfig {
  /** What each connection is made with. */
  readonly client: RedisClientOptions
  readonly prefix: string
  readonly lookMs: number
  readonly logger: Logger
}

/** Of the socket alone: less than what all of connecting may take. */
const connectMs = 3_000

/**
 * Fills in the defaults.
 *
 * @throws DEFINITION_INVALID, DURATION_INVALID
 */
export function redisConfig({ url, tls, prefix, lookInterval, logger }: RedisOptions): RedisConfig {
  return {
    client: clientOptions(url, tls),
    prefix: prefix ?? 'millrace',
    lookMs: milliseconds(lookInterval ?? '1s'),
    logger: logger ?? silentLogger,
  }
}

/** Not by the library's own `url`: its errors repeat it, password included. */
function clientOptions(text: string, tls: RedisTls | undefined): RedisClientOptions {
  const url = URL.parse(text)
  const isEncrypted = url?.protocol === 'rediss:'
  if (!url?.hostname || !(isEncrypted || url.protocol === 'redis:') || !/^\/?\d{0,5}$/.test(url.pathname)) {
    throw fail('DEFINITION_INVALID', {
      what: 'Redis',
      problem: 'its URL is not like redis://host:6379 or rediss://host',
    })
  }
  const { hostname, port, username, password, pathname } = url
  const server = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379), connectTimeout: connectMs }
  const database = Number(pathname.slice(1))
  return {
    // Whoever has the client makes another one: so nothing of the last session is left, and the pause is ours.
    socket: { ...server, reconnectStrategy: false, ...(isEncrypted && { tls: true, ...tls }) },
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(database > 0 && { database }),
  }
}
