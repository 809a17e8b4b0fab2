import { randomUUID } from 'node:crypto'
import type {
  AssignedPartition,
  Broker,
  BrokerRecord,
  GroupListener,
  OutgoingRecord,
  ProduceResult,
} from '../../ports/broker.ts'

/** A connection to the log under test, as a process of its own would have. */
export interface BrokerUnderTest {
  /** Started. */
  readonly broker: Broker
  /** Dies without a word: nothing is left, released or flushed. Afterwards only `dispose` is called. */
  kill(): Promise<void>
  /** Stops the broker, if it lives, and frees what it used. */
  dispose(): Promise<void>
}

/** What a case works with. */
export interface Stage {
  readonly sessionTimeoutMs: number
  /** Another process on the same log. It is disposed of after the case. */
  connect(): Promise<BrokerUnderTest>
  /** Creates a topic that only this case uses; answers its name. */
  topic(broker: Broker, partitions: number): Promise<string>
}

/** A case by what it proves. */
export type Cases<Name extends string = string> = Readonly<Record<Name, (stage: Stage) => Promise<void>>>

/** The UTF-8 bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The text of UTF-8 bytes. */
export function text(value: Uint8Array | null): string {
  return new TextDecoder().decode(value ?? undefined)
}

/** A record with a text as its value. */
export function record(topic: string, key: string | null, value: string): OutgoingRecord {
  return { topic, key: key === null ? null : bytes(key), value: bytes(value), headers: [] }
}

/** Where a record lies. */
export type Taken = Extract<ProduceResult, { offset: number }>

/** Produces records that the broker must take. */
export async function produce(broker: Broker, records: readonly OutgoingRecord[]): Promise<Taken[]> {
  const results = await broker.produce(records)
  return results.map((result) => {
    if ('error' in result) throw result.error
    return result
  })
}

/** A name that nobody else uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID()}`
}

/** A member's listener that remembers what it was told. */
export class Audience implements GroupListener {
  readonly name: string
  /** What it may read now, by `topic/partition`. */
  readonly held = new Map<string, AssignedPartition>()
  /** What it was told, in order: `assigned topic/partition`. */
  readonly told: string[] = []
  readonly #checks = new Set<() => void>()
  readonly #letGo: (partition: AssignedPartition) => Promise<void>

  /** @param letGo what it does when a partition is revoked; nothing by default */
  constructor(name = 'member', letGo: (partition: AssignedPartition) => Promise<void> = async () => {}) {
    this.name = name
    this.#letGo = letGo
  }

  assigned(partition: AssignedPartition): void {
    this.held.set(nameOf(partition), partition)
    this.#note('assigned', partition)
  }

  async revoked(partition: AssignedPartition): Promise<void> {
    this.#note('revoking', partition)
    await this.#letGo(partition)
    this.held.delete(nameOf(partition))
    this.#note('revoked', partition)
  }

  lost(partition: AssignedPartition): void {
    this.held.delete(nameOf(partition))
    this.#note('lost', partition)
  }

  /** Resolves when the condition holds; it is looked at after everything the listener is told. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return
        this.#checks.delete(check)
        resolve()
      }
      this.#checks.add(check)
      check()
    })
  }

  /** Resolves when it holds so many partitions. */
  holds(count: number): Promise<void> {
    return this.until(() => this.held.size === count)
  }

  /** A partition that it holds. */
  partition(topic: string, partition: number): AssignedPartition {
    const found = this.held.get(`${topic}/${partition}`)
    if (found === undefined) throw new Error(`${this.name} does not hold ${topic}/${partition}`)
    return found
  }

  #note(what: string, partition: AssignedPartition): void {
    this.told.push(`${what} ${nameOf(partition)}`)
    for (const check of [...this.#checks]) check()
  }
}

/** Joins a new group on a topic and answers its partitions, in order. */
export async function assignedPartitions(broker: Broker, topic: string): Promise<AssignedPartition[]> {
  const [{ partitions } = { partitions: 0 }] = await broker.ensureTopics([{ name: topic, partitions: 1 }])
  const audience = new Audience()
  await broker.join({ group: uniqueName('group'), topics: [topic], listener: audience })
  await audience.holds(partitions)
  return Array.from({ length: partitions }, (_, partition) => audience.partition(topic, partition))
}

/** The only partition of a topic, assigned to a member of a new group. */
export async function onlyPartition(broker: Broker, topic: string): Promise<AssignedPartition> {
  const [partition] = await assignedPartitions(broker, topic)
  if (partition === undefined) throw new Error(`topic ${topic} has no partition`)
  return partition
}

/** Reads so many records of a partition, from an offset on. */
export async function readFrom(partition: AssignedPartition, from: number, count: number): Promise<BrokerRecord[]> {
  const reader = partition.open(from)
  const records: BrokerRecord[] = []
  while (records.length < count) {
    const piece = await reader.read(count - records.length)
    if (piece.length === 0) throw new Error('the reader was closed')
    records.push(...piece)
  }
  reader.close()
  return records
}

/** The whole log of a topic: each partition's records. */
export async function readAll(broker: Broker, topic: string): Promise<BrokerRecord[][]> {
  const partitions = await assignedPartitions(broker, topic)
  return Promise.all(
    partitions.map(async (partition) => {
      const { start, end } = await partition.range()
      return readFrom(partition, start, end - start)
    }),
  )
}

/** `topic/partition` */
export function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
