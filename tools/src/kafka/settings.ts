/** What the settings of one node are made from. */
export interface NodeSettings {
  readonly id: number
  readonly ports: NodePorts
  /** The folder of its data. */
  readonly data: string
  /** `id@host:port` of all nodes. */
  readonly voters: readonly string[]
  /** For the secure listener, if it has one. */
  readonly security: SecuritySettings | undefined
  /** Win over this module's own. */
  readonly extra: Readonly<Record<string, string>>
}

/** Where a node listens, on 127.0.0.1. */
export interface NodePorts {
  readonly client: number
  readonly controller: number
  readonly secure: number | undefined
  /** A second port for clients, with the port that it says it has: a proxy's, which leads to it. */
  readonly proxied: { readonly port: number; readonly advertised: number } | undefined
}

/** What a secure listener needs. */
export interface SecuritySettings {
  readonly keystore: string
  readonly username: string
  readonly password: string
}

/** The mechanisms of the secure listener. */
export const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** The node's `server.properties`. */
export function serverProperties(node: NodeSettings): string {
  const replicas = node.voters.length
  const settings: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': node.voters.join(','),
    'log.dirs': node.data,
    ...listeners(node.ports),
    ...(node.security && securityOf(node.security)),
    ...replication(replicas),
    ...quickness(replicas),
    ...smallness,
    ...node.extra,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('')
}

function listeners({ client, controller, secure, proxied }: NodePorts): Record<string, string> {
  const rows = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port: client, advertised: client },
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: controller, advertised: undefined },
    ...(secure === undefined ? [] : [{ name: 'SASL_SSL', protocol: 'SASL_SSL', port: secure, advertised: secure }]),
    ...(proxied ? [{ name: 'PROXIED', protocol: 'PLAINTEXT', ...proxied }] : []),
  ]
  const advertised = rows.filter((row) => row.advertised !== undefined)
  return {
    listeners: rows.map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(','),
    'advertised.listeners': advertised.map((row) => `${row.name}://127.0.0.1:${row.advertised}`).join(','),
    'listener.security.protocol.map': rows.map(({ name, protocol }) => `${name}:${protocol}`).join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
  }
}

function securityOf({ keystore, username, password }: SecuritySettings): Record<string, string> {
  const prefix = 'listener.name.sasl_ssl'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
  return {
    [`${prefix}.ssl.keystore.type`]: 'PKCS12',
    [`${prefix}.ssl.keystore.location`]: keystore,
    [`${prefix}.ssl.keystore.password`]: password,
    [`${prefix}.ssl.key.password`]: password,
    [`${prefix}.sasl.enabled.mechanisms`]: mechanisms.join(','),
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: scram,
    [`${prefix}.plain.sasl.jaas.config`]: `${plain} user_${username}="${password}";`,
  }
}

/** A cluster survives the loss of one of three nodes, and loses nothing that was acknowledged. */
function replication(nodes: number): Record<string, number> {
  const inSync = Math.ceil((nodes + 1) / 2)
  return {
    'default.replication.factor': nodes,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': nodes,
    'transaction.state.log.replication.factor': nodes,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': nodes,
    'share.coordinator.state.topic.min.isr': inSync,
  }
}

/** Lets what takes seconds or minutes in production happen soon, so that tests can wait for it. */
function quickness(nodes: number): Record<string, number | string | boolean> {
  // A node that was killed is replaced, and may come back, when its session has ended.
  const sessionMs = nodes === 1 ? 1_000 : 2_000
  return {
    'auto.create.topics.enable': false,
    'broker.session.timeout.ms': sessionMs,
    'broker.heartbeat.interval.ms': sessionMs / 5,
    'controller.quorum.election.timeout.ms': 300,
    'controller.quorum.election.backoff.max.ms': 200,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 500,
    'group.consumer.session.timeout.ms': 6_000,
    'group.consumer.min.session.timeout.ms': 500,
    'group.consumer.heartbeat.interval.ms': 500,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'log.initial.task.delay.ms': 500,
    'log.retention.check.interval.ms': 500,
    'log.cleaner.backoff.ms': 500,
    'log.segment.delete.delay.ms': 500,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
  }
}

/** A few partitions are ready sooner than fifty; the cleaner's own 128 MB are half of the memory. */
const smallness = {
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.num.partitions': 4,
  'num.network.threads': 2,
  'num.io.threads': 4,
  'log.cleaner.dedupe.buffer.size': 4 * 1024 ** 2,
}
