/** What a topic is known by. */
type Topic = number | string

/** A member of a group, and the topics it takes partitions of. */
export interface Candidate {
  readonly id: string
  readonly topics: ReadonlySet<Topic>
}

/** A partition and who has it, or shall have it. */
export interface Share {
  readonly topic: Topic
  readonly partition: number
  readonly holder: string | null
}

interface Load {
  readonly candidate: Candidate
  total: number
  readonly byTopic: Map<Topic, number>
}

/**
 * Who shall have each partition: every partition of a topic that somebody lists has one holder, members that list the
 * same topics differ by at most one partition, in all and (as far as that allows) for each topic, and none moves without
 * need. Answers the new holders in the order of the shares; null where nobody lists the topic.
 */
export function balance(candidates: readonly Candidate[], shares: readonly Share[]): (string | null)[] {
  const loads = candidates.map((candidate) => ({ candidate, total: 0, byTopic: new Map<Topic, number>() }))
  const byId = new Map(loads.map((load) => [load.candidate.id, load]))
  const holders = shares.map(({ topic, holder }) => {
    const load = holder === null ? undefined : byId.get(holder)
    return load?.candidate.topics.has(topic) ? count(load, topic, 1) : undefined
  })
  for (const [nth, { topic }] of shares.entries()) {
    const least = holders[nth] ?? leastLoaded(loads, topic)
    if (holders[nth] === undefined && least !== undefined) holders[nth] = count(least, topic, 1)
  }
  // Each move makes the sum of the squares of the loads smaller, so this ends.
  while (moveOne(loads, shares, holders)) {}
  return holders.map((load) => load?.candidate.id ?? null)
}

/** Moves a partition from a member to one that has at least two fewer; of the topic in which they differ most. */
function moveOne(loads: readonly Load[], shares: readonly Share[], holders: (Load | undefined)[]): boolean {
  let best: { nth: number; to: Load; difference: number; inTopic: number } | undefined
  for (const [nth, { topic }] of shares.entries()) {
    const from = holders[nth]
    const to = from && leastLoaded(loads, topic)
    if (from === undefined || to === undefined || from.total - to.total < 2) continue
    const difference = from.total - to.total
    const inTopic = of(from, topic) - of(to, topic)
    if (!best || difference > best.difference || (difference === best.difference && inTopic > best.inTopic)) {
      best = { nth, to, difference, inTopic }
    }
  }
  if (best === undefined) return false
  const topic = shares[best.nth]?.topic ?? ''
  const from = holders[best.nth]
  if (from) count(from, topic, -1)
  holders[best.nth] = count(best.to, topic, 1)
  return true
}

function leastLoaded(loads: readonly Load[], topic: Topic): Load | undefined {
  let least: Load | undefined
  for (const load of loads) {
    if (!load.candidate.topics.has(topic)) continue
    const difference = least === undefined ? -1 : load.total - least.total
    if (least === undefined || difference < 0 || (difference === 0 && of(load, topic) < of(least, topic))) least = load
  }
  return least
}

function count(load: Load, topic: Topic, by: 1 | -1): Load {
  load.total += by
  load.byTopic.set(topic, of(load, topic) + by)
  return load
}

function of(load: Load, topic: Topic): number {
  return load.byTopic.get(topic) ?? 0
}
