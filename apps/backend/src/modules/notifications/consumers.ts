import { type Consumer, type Duration, defineConsumer, type Logger, type Millrace, type Unit } from 'millrace'
import { addNotifications } from './commands.ts'
import { genericTopic, notificationTopic } from './events.ts'
import { byTopic, type TopicHandlers } from './routing.ts'

/** The topics that are consumed together, in batches. */
type Consumed = typeof notificationTopic | typeof genericTopic

/** Options of {@link takeRecords}. */
export interface TakeOptions {
  /** Records of a batch, at most. */
  readonly batchSize: number
  /** How long a batch waits for more once a record is there. */
  readonly batchWait: Duration
  readonly logger: Logger
  /** @default both topics have one */
  readonly handlers?: TopicHandlers<Consumed>
}

/** Takes records in batches, and routes them by topic. */
export function takeRecords(millrace: Millrace, { batchSize, batchWait, logger, handlers }: TakeOptions): Consumer {
  const countUnhandled = millrace.count('notifications_unhandled', 'Records of topics that nobody handles')
  const warned = new Set<string>()
  const unhandled = (topic: string, records: number, unit: Unit) => {
    unit.afterCommit(() => {
      countUnhandled(records)
      if (!warned.has(topic)) logger.warn({ topic }, 'nobody handles the records of this topic')
      warned.add(topic)
    })
  }
  const handle = byTopic<Consumed>(handlers ?? standardHandlers(millrace, logger), unhandled)
  return defineConsumer({
    name: 'notifications',
    topic: [notificationTopic, genericTopic],
    batch: { size: batchSize, wait: batchWait, handle },
  })
}

function standardHandlers(millrace: Millrace, logger: Logger): TopicHandlers<Consumed> {
  const countGeneric = millrace.count('generic_messages', 'Records of the topic generic_topic')
  return {
    notifications: (events, unit) =>
      addNotifications(
        unit,
        events.map(({ data }) => data),
      ),
    generic_topic: (events, unit) => {
      unit.afterCommit(() => {
        countGeneric(events.length)
        for (const { data, partition, offset } of events) logger.debug({ data, partition, offset }, 'a generic message')
      })
    },
  }
}
