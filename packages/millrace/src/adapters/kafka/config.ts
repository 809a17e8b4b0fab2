import { type BaseOptions, parseBroker } from '@platformatic/kafka'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { fail } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/logger.ts'
import { guardConnections } from './guard.ts'
import { tlsOptions } from './tls.ts'

/** How a client shows who it is. */
export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

/** How connections are encrypted. */
export interface KafkaTls {
  /** The certificate authority of the brokers, as PEM. Default: those Node trusts. */
  readonly ca?: string
}

/** Options of {@link createKafkaBroker}. */
export interface KafkaBrokerOptions {
  /** Where to ask for the cluster first: `host:port` each. */
  readonly brokers: readonly string[]
  /** What brokers call this client in their logs and quotas. @default 'millrace' */
  readonly clientId?: string
  readonly sasl?: KafkaSasl
  /** Present: connections are encrypted. */
  readonly tls?: KafkaTls
  /** Put in front of the names of groups, where several installations share a cluster. Default: none. */
  readonly groupPrefix?: string
  /** After how long without a sign of life a member loses its partitions. Brokers take 6 s and more by default. @default '10s' */
  readonly sessionTimeout?: Duration
  /** How often connecting is tried at start, waiting 2, 4, 8 … up to 30 s in between. @default 5 */
  readonly connectAttempts?: number
  /** Whether missing topics are created; without it a missing one is an error that names it. @default true */
  readonly createTopics?: boolean
  /** Replicas of topics that are created. Default: the broker's. */
  readonly topicReplicas?: number
  /** After how long a produced record without an answer counts as not confirmed. @default '30s' */
  readonly produceTimeout?: Duration
  /** How often topics are looked at for new partitions, and for being another one by the same name. @default '30s' */
  readonly topicRefresh?: Duration
  readonly logger?: Logger
}

/** How often something did not get through: attempts at producing, fetches, memberships that were lost or not had. */
export interface KafkaFaults extends Record<string, number> {
  produce: number
  fetch: number
  group: number
}

/** The options with defaults filled in, durations in milliseconds. */
export interface KafkaConfig {
  /** What every client of the library is made with. */
  readonly client: BaseOptions
  readonly groupPrefix: string
  readonly sessionMs: number
  readonly heartbeatMs: number
  /** How long a rebalance waits for members to give up what they hold. */
  readonly rebalanceMs: number
  /** How long this process takes to give up what it holds: no heartbeats are sent meanwhile. */
  readonly revokeMs: number
  readonly connectAttempts: number
  readonly createTopics: boolean
  /** -1: the broker's default. */
  readonly topicReplicas: number
  readonly produceMs: number
  readonly topicRefreshMs: number
  /** Counted where they happen. */
  readonly faults: KafkaFaults
  readonly logger: Logger
}

/**
 * Fills in the defaults.
 *
 * @throws DURATION_INVALID, DEFINITION_INVALID without a broker, or where one is not `host:port`
 */
export function kafkaConfig(options: KafkaBrokerOptions): KafkaConfig {
  if (options.brokers.length === 0)
    throw fail('DEFINITION_INVALID', { what: 'The Kafka broker', problem: 'no brokers' })
  const wrong = options.brokers.find((broker) => !isAddress(broker))
  if (wrong !== undefined)
    throw fail('DEFINITION_INVALID', { what: 'The Kafka broker', problem: `"${wrong}" is not host:port` })
  guardConnections()
  const sessionMs = milliseconds(options.sessionTimeout ?? '10s')
  return {
    client: clientOptions(options),
    groupPrefix: options.groupPrefix ?? '',
    sessionMs,
    heartbeatMs: Math.max(100, Math.floor(sessionMs / 10)),
    rebalanceMs: 2 * sessionMs,
    revokeMs: Math.floor(sessionMs * 0.6),
    connectAttempts: options.connectAttempts ?? 5,
    createTopics: options.createTopics ?? true,
    topicReplicas: options.topicReplicas ?? -1,
    produceMs: milliseconds(options.produceTimeout ?? '30s'),
    topicRefreshMs: milliseconds(options.topicRefresh ?? '30s'),
    faults: { produce: 0, fetch: 0, group: 0 },
    logger: options.logger ?? silentLogger,
  }
}

/** A port that cannot be is an error that the library throws where nobody can catch it. */
function isAddress(broker: string): boolean {
  const { host, port } = parseBroker(broker)
  return host !== '' && Number.isInteger(port) && port > 0 && port < 65_536
}

/**
 * The library gives up after three retries a second apart, which a broker's restart outlasts. A thousand last some
 * minutes, after which whoever asked tries anew; endless ones would keep the error of each in memory.
 */
function clientOptions({ brokers, clientId, sasl, tls }: KafkaBrokerOptions): BaseOptions {
  return {
    clientId: clientId ?? 'millrace',
    bootstrapBrokers: [...brokers],
    connectTimeout: 5_000,
    requestTimeout: 15_000,
    timeout: 10_000,
    retries: 1_000,
    retryDelay: 250,
    autocreateTopics: false,
    ...(sasl && { sasl: { ...sasl } }),
    ...(tls && { tls: tlsOptions(tls) }),
  }
}
