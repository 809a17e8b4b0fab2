import type { AssignedPartition, Broker, BrokerRecord } from '../../ports/broker.ts'
import type { Bus, Follower } from '../../ports/bus.ts'

/** What one process has: a broker and a bus, started. */
export interface BusUnderTest {
  readonly broker: Broker
  readonly bus: Bus
  /** From now on, what this process appends to a topic is handed to the bus. */
  carry(topic: string): void
  dispose(): Promise<void>
}

/** What a case works with. */
export interface Stage {
  /** Another process on the same log. It is disposed of after the case. */
  connect(): Promise<BusUnderTest>
  /** Creates a topic of one partition that only this case uses, which the processes carry; answers its name. */
  topic(processes: readonly BusUnderTest[]): Promise<string>
}

/** A case by what it proves. */
export type Cases<Name extends string = string> = Readonly<Record<Name, (stage: Stage) => Promise<void>>>

/** The only partition of a topic, past all groups. */
export async function partitionOf({ broker }: BusUnderTest, topic: string): Promise<AssignedPartition> {
  const [partition] = (await broker.openTopic(topic)).all
  if (!partition) throw new Error(`topic ${topic} has no partition`)
  return partition
}

/** Follows a topic in a process. */
export async function follow(process: BusUnderTest, topic: string, from = 0): Promise<Follower> {
  return process.bus.follow(await partitionOf(process, topic), from)
}

/** The next so many records. */
export async function take(follower: Follower, count: number): Promise<BrokerRecord[]> {
  const records: BrokerRecord[] = []
  while (records.length < count) {
    const piece = await follower.read(Math.min(1_000, count - records.length))
    if (piece.length === 0) throw new Error(`the follower was closed after ${records.length} records`)
    records.push(...piece)
  }
  return records
}

/** What the log has, from an offset on, read past every bus. */
export async function logged(process: BusUnderTest, topic: string, from = 0): Promise<BrokerRecord[]> {
  const opened = await process.broker.openTopic(topic)
  const [range] = await process.broker.ranges(topic)
  const reader = opened.all[0]?.open(from, range?.end ?? 0)
  const records: BrokerRecord[] = []
  while (reader && !reader.hasEnded) records.push(...(await reader.read(1_000)))
  await opened.close()
  return records
}

/** What two records differ by, if they do: views of bytes and bytes are the same. */
export function plain({ key, value, headers, ...place }: BrokerRecord) {
  const text = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString('base64')
  return { ...place, key: text(key), value: text(value), headers: headers.map(([name, bytes]) => [name, text(bytes)]) }
}
