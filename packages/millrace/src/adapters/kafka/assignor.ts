import type { GroupPartitionsAssigner } from '@platformatic/kafka'
import { balance } from '../../core/balance.ts'

/**
 * Shares the partitions of a group's topics among the members that list them. Nobody keeps what it had: on the classic
 * protocol all has been given up by then.
 */
export const assignPartitions: GroupPartitionsAssigner = (_, members, __, metadata) => {
  const candidates = [...members.values()]
    .map(({ memberId, topics = [] }) => ({ id: memberId, topics: new Set(topics) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const listed = new Set(candidates.flatMap(({ topics }) => [...topics]))
  const shares = [...metadata.topics]
    .filter(([topic]) => listed.has(topic))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, { partitionsCount }]) =>
      Array.from({ length: partitionsCount }, (_, partition) => ({ topic, partition, holder: null })),
    )
  const holders = balance(candidates, shares)
  return candidates.map(({ id }) => {
    const own = shares.filter((_, nth) => holders[nth] === id)
    const byTopic = Map.groupBy(own, ({ topic }) => topic)
    const assignments = [...byTopic].map(
      ([topic, parts]) => [topic, { topic, partitions: parts.map(({ partition }) => partition) }] as const,
    )
    return { memberId: id, assignments: new Map(assignments) }
  })
}
