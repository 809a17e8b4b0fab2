import type { AnyChannel } from '../core/channel.ts'
import { fail } from '../core/errors.ts'
import type { Live } from '../core/live.ts'
import { defaultLimits, encodeRevocation, LiveUpdates, liveTopic, logBus, Visibility } from '../live/index.ts'
import { relayedSnapshot } from '../outbox/index.ts'
import { insideUnit } from '../unit/index.ts'
import { liveMetrics } from './live-metrics.ts'
import type { AppConfig } from './options.ts'

type Channels = ReadonlyMap<string, AnyChannel>

/** What serves live connections; undefined where the process has none to serve. */
export function createLive(config: AppConfig, channels: Channels): LiveUpdates | undefined {
  const { brokers, bus, database, roles, http, logger, metrics } = config
  if (channels.size === 0 || !roles.includes('api')) return undefined
  const live: LiveUpdates = new LiveUpdates({
    broker: brokers.postgres,
    bus: bus ?? logBus,
    database,
    channels,
    authenticate: http.authenticate ?? (async () => undefined),
    relayed: () => relayed(config),
    limits: { ...defaultLimits, ...config.live },
    metrics: liveMetrics(metrics, [...channels.keys()], () => live.stats),
    logger: logger.child({ part: 'live' }),
  })
  return live
}

/** Has the bus hand on what this process appends to the live topic. */
export function carryLive({ brokers, bus }: AppConfig, channels: Channels): void {
  if (bus && channels.size > 0) brokers.postgres.onAppended(liveTopic.name, (appended) => bus.send(appended))
}

/** What modules do about live connections. */
export function liveOf(config: AppConfig, channels: Channels, updates: LiveUpdates | undefined): Live {
  const { brokers, bind } = config
  return {
    snapshot: async (read) => {
      if (insideUnit()) throw fail('TRANSACTION_NESTED', {})
      if (!updates) throw fail('LIVE_UNAVAILABLE', {})
      return updates.snapshot((connection) => read(bind(connection)))
    },
    revoke: async (userId) => {
      if (channels.size === 0) throw fail('LIVE_UNAVAILABLE', {})
      const [result] = await brokers.postgres.produce([encodeRevocation(userId)])
      if (result && 'error' in result) throw result.error
    },
  }
}

/** First what has been relayed, then where the log ends: all of it lies below. */
async function relayed({ brokers, database }: AppConfig) {
  const seen = await relayedSnapshot(database.on('system'), brokers.postgres.name)
  const [range] = await brokers.postgres.ranges(liveTopic.name)
  return { seen: Visibility.ofSnapshot(seen), end: range?.end ?? 0 }
}
