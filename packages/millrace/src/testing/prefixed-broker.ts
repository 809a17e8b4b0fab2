import type { AssignedPartition, Broker, GroupListener, ProduceResult } from '../ports/broker.ts'

/** A broker whose topics and groups are the given one's with a prefix: tests that share a broker do not meet. */
export function prefixedBroker(broker: Broker, prefix: string): Broker {
  const inside = (name: string) => prefix + name
  const outside = (name: string) => name.slice(prefix.length)
  return {
    name: broker.name,
    ...(broker.faults && { faults: broker.faults }),
    start: () => broker.start(),
    stop: () => broker.stop(),
    ensureTopics: async (topics) => {
      const found = await broker.ensureTopics(topics.map((topic) => ({ ...topic, name: inside(topic.name) })))
      return found.map((topic) => ({ ...topic, name: outside(topic.name) }))
    },
    produce: async (records) => {
      const results = await broker.produce(records.map((record) => ({ ...record, topic: inside(record.topic) })))
      return results.map((result): ProduceResult => ({ ...result, topic: outside(result.topic) }))
    },
    ranges: (topic) => broker.ranges(inside(topic)),
    describe: async (topic) => ({ ...(await broker.describe(inside(topic))), name: topic }),
    offsetsAt: (topic, time) => broker.offsetsAt(inside(topic), time),
    openTopic: async (topic) => {
      const opened = await broker.openTopic(inside(topic))
      const all = opened.all.map((partition) => renamed(partition, topic))
      return { name: topic, id: opened.id, partitions: opened.partitions, all, close: () => opened.close() }
    },
    join: async ({ group, topics, listener }) => {
      const options = { group: inside(group), topics: topics.map(inside) }
      const member = await broker.join({ ...options, listener: outsideListener(listener, outside) })
      return {
        get missing() {
          return member.missing.map(outside)
        },
        leave: () => member.leave(),
      }
    },
  }
}

function outsideListener(listener: GroupListener, outside: (name: string) => string): GroupListener {
  const partitions = new WeakMap<AssignedPartition, AssignedPartition>()
  const of = (given: AssignedPartition): AssignedPartition => {
    const known = partitions.get(given) ?? renamed(given, outside(given.topic))
    partitions.set(given, known)
    return known
  }
  return {
    assigned: (partition) => listener.assigned(of(partition)),
    revoked: (partition) => listener.revoked(of(partition)),
    lost: (partition) => listener.lost(of(partition)),
  }
}

function renamed(given: AssignedPartition, topic: string): AssignedPartition {
  const { topicId, partition } = given
  return { topic, topicId, partition, range: () => given.range(), open: (from, to) => given.open(from, to) }
}
