import type { RecordHeader } from '../core/record-headers.ts'

export type { RecordHeader }

/** A record before a broker has it. */
export interface OutgoingRecord {
  readonly topic: string
  /** Records with the same key go to the same partition: murmur2 as in Kafka's Java client. Null: spread evenly. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** A record on a broker. */
export interface BrokerRecord {
  readonly offset: number
  /** Milliseconds since 1970: when it was appended, or produced. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** What became of a record that was produced: where it lies, or why it was not taken. */
export type ProduceResult =
  | { readonly topic: string; readonly partition: number; readonly offset: number }
  | { readonly topic: string; readonly error: Error }

/** A topic to be there. */
export interface TopicSpec {
  readonly name: string
  /** Partitions to create it with; an existing topic keeps its own. */
  readonly partitions: number
}

/** A topic that is there. */
export interface TopicDescription {
  readonly name: string
  /** A UUID that changes when the topic is deleted and created again. */
  readonly id: string
  readonly partitions: number
}

/** The bounds of a partition's log. */
export interface LogRange {
  /** The first offset that is still there; `end` when the log is empty. */
  readonly start: number
  /** The offset the next record will get (the high watermark). */
  readonly end: number
}

/** A partition to read: this member has been given it, or it is of an {@link OpenTopic}. */
export interface AssignedPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /**
   * The log's bounds now.
   *
   * @throws BROKER_UNAVAILABLE
   */
  range(): Promise<LogRange>
  /**
   * Begins to read at an offset. A partition has one reader at a time; opening again closes the one before.
   * Beyond the end it waits for the log to grow; below the start it begins at the start.
   *
   * @param to where it ends: once all below has been given, reads are empty. Default: it does not
   */
  open(from: number, to?: number): PartitionReader
}

/** A topic that is read past all groups: no group's partitions or offsets move, and readers' `commit` does nothing. */
export interface OpenTopic extends TopicDescription {
  /** Its partitions, in order. Whoever else reads them is not disturbed. */
  readonly all: readonly AssignedPartition[]
  /** Closes its readers. */
  close(): Promise<void>
}

/**
 * Reads one partition in order. Memory is bounded: it fetches ahead no more than about 1 MiB, or several MiB for a read that
 * waits.
 */
export interface PartitionReader {
  /**
   * The next records, at least one, at most `max`, each once and in order of offset. Waits for the first.
   * With `waitMs`, waits that long after the first for `max` to be there, or for several MiB. Empty only when the reader
   * is closed, or has come to where it ends.
   *
   * @throws LOG_SHRANK when the log ends before what was read of it, LOG_REPLACED where it can tell that the record it read
   * last is another one; the reader has ended, and the position is to be looked up anew
   */
  read(max: number, waitMs?: number): Promise<BrokerRecord[]>
  /** The highest known end of the log; grows without reading. */
  readonly end: number
  /** Whether it has come to where it ends, and given everything before; never where it was closed first. */
  readonly hasEnded: boolean
  /** Everything below is handled: the broker's own bookkeeping may follow, coalesced. A hint, never the truth. */
  commit(offset: number): void
  /** Ends a waiting `read` with an empty answer. */
  close(): void
}

/** Told of what a member of a group may read. */
export interface GroupListener {
  /** A partition may be read from now on. */
  assigned(partition: AssignedPartition): void
  /**
   * A partition is to be given up: resolve when nothing of it is under way. The broker waits for that, within its
   * bound, before another member gets the partition.
   */
  revoked(partition: AssignedPartition): Promise<void>
  /**
   * A partition is gone without being asked (this member was too late, the connection was lost): stop at once.
   * May come while `revoked` has not resolved yet, and instead of it.
   */
  lost(partition: AssignedPartition): void
}

/** Which group to join, for which topics, and who is told. */
export interface GroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly listener: GroupListener
}

/** A member of a consumer group. */
export interface GroupMember {
  /** Topics it joined for that are not there any more: nobody is given anything of them, until they are again. */
  readonly missing: readonly string[]
  /** Gives up all partitions (each `revoked`), then leaves, so that others take over at once. */
  leave(): Promise<void>
}

/**
 * Where topics live. Everything above brokers is the same code on each; `conformance/` proves it.
 *
 * Promised by every broker:
 * - Offsets of a partition grow by one with each record, and become visible in order. Some may belong to no record that
 *   can be read: a broker's own markers, and what was deleted.
 * - Records produced in one call, and records of one key in calls awaited one after the other, keep their order.
 * - A group's partitions each have at most one member that was told `assigned` and not yet `revoked` or `lost`,
 *   as far as members can be told; a member that was stopped and resumed may read on until it learns otherwise.
 * - A member that dies without a word loses its partitions within the session time-out (10 s).
 */
export interface Broker {
  readonly name: string
  /** How often something did not get through and was tried again, by what it was; it only grows. Default: not told. */
  readonly faults?: Readonly<Record<string, number>>
  /** Creates what is missing and describes all. Safe from several processes at once. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<TopicDescription[]>
  /**
   * Appends records; resolves when they are durable, one result for each, in order. After the first refused record of a
   * key, no later one of that key is taken.
   *
   * @throws BROKER_UNAVAILABLE when nothing is known of any of them: they may or may not be there.
   */
  produce(records: readonly OutgoingRecord[]): Promise<ProduceResult[]>
  /**
   * The bounds of each partition of a topic now, in order.
   *
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  ranges(topic: string): Promise<LogRange[]>
  /**
   * A topic as it is now; its id tells whether it is the one it was.
   *
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  describe(topic: string): Promise<TopicDescription>
  /**
   * Of each partition of a topic, in order: the offset of its first record of this time or later, by the timestamps that
   * records are read with; its end where there is none.
   *
   * @param time in milliseconds since 1970
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  offsetsAt(topic: string, time: number): Promise<number[]>
  /**
   * Opens a topic to read it past all groups; to be closed by the caller.
   *
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  openTopic(topic: string): Promise<OpenTopic>
  /**
   * Becomes a member of a group. Resolves when it is one, or when it will be one by itself: a group may wait for members that
   * died.
   *
   * @throws TOPIC_UNKNOWN, BROKER_UNAVAILABLE
   */
  join(options: GroupOptions): Promise<GroupMember>
  /** Begins what runs in the background; to be called once, before `join`. */
  start(): Promise<void>
  /** Lets all members leave, then ends what runs in the background. */
  stop(): Promise<void>
}
