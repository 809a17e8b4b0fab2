import type { AnyTopic } from '../core/topic.ts'

/**
 * The topic that updates of all channels travel on: in the database on every rung, and in one partition, so that an update
 * has one offset, by which every client of every process says how far it has come.
 */
export const liveTopic: AnyTopic = {
  kind: 'topic',
  name: 'millrace.live',
  publish: 'outbox',
  partitions: 1,
  broker: 'postgres',
  schemas: {},
  format: undefined,
  keyOf: () => null,
  typeOf: () => undefined,
}
