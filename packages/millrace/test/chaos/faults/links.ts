import type { TcpProxy } from '@millrace/tools/tcp-proxy'
import type { Fault } from './fault.ts'

interface Break {
  readonly name: string
  readonly lasts: Fault['lasts']
  readonly begin: (link: TcpProxy) => void
}

const slowByMs = 80

/** What may happen to connections. */
const breaks: readonly Break[] = [
  { name: 'is cut', lasts: [50, 3_000], begin: (link) => link.cut() },
  { name: 'loses everything', lasts: [500, 8_000], begin: (link) => link.freeze() },
  { name: 'is slow', lasts: [1_000, 5_000], begin: (link) => link.slowDown(slowByMs) },
]

/** The network between one app and PostgreSQL. */
export const databaseLinks: readonly Fault[] = breaks.map(({ name, lasts, begin }) => ({
  describe: (target) => `the link of app ${target + 1} to PostgreSQL ${name}`,
  lasts,
  targets: ({ apps }) => apps,
  resource: (target) => `link of app ${target + 1}`,
  begin: (stage, target) => begin(stage.app(target).database),
  end: (stage, target) => stage.app(target).database.mend(),
}))

/** The network between all apps and one of Kafka's brokers. */
export const brokerLinks: readonly Fault[] = breaks.map(({ name, lasts, begin }) => ({
  describe: (target) => `the link to Kafka’s broker ${target + 1} ${name}`,
  lasts,
  targets: ({ brokers }) => brokers,
  resource: () => 'Kafka',
  begin: (stage, target) => begin(stage.kafkaLink(target)),
  end: (stage, target) => stage.kafkaLink(target).mend(),
}))
