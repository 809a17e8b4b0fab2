import type { Part } from '../core/lifecycle.ts'
import type { AssignedPartition, BrokerRecord, PartitionReader } from './broker.ts'

/** What a process has appended to a partition: committed, dense, in order, and as readers are given it. */
export interface AppendedRecords {
  readonly topicId: string
  readonly partition: number
  readonly records: readonly BrokerRecord[]
}

/** Reads a partition for as long as the process lives. */
export interface Follower extends Pick<PartitionReader, 'end' | 'close'> {
  /**
   * The next records, at least one, at most `max`, each once and in order of offset; none is left out but what retention has
   * removed. Waits for the first. Empty only when the follower is closed.
   *
   * @throws LOG_SHRANK, LOG_REPLACED when the log is not the one that was read; the follower has ended
   */
  read(max: number): Promise<BrokerRecord[]>
}

/** How a bus is. */
export interface BusState {
  /** What keeps records from coming by it, in words without secrets. They come from the log meanwhile. */
  readonly problem: string | undefined
  /** How many records followers were given that came by it, and how many from the log; they only grow. */
  readonly taken: { readonly bus: number; readonly log: number }
  /** How often something was not as it should be and sent followers to the log, by what it was; they only grow. */
  readonly faults: Readonly<Record<string, number>>
}

/**
 * Brings what is appended to a partition to every process that follows it, sooner or cheaper than the log does by itself.
 * The log is the truth: whatever a bus loses, repeats, reorders or makes up, a follower gives what the log has.
 * `conformance/` proves it.
 */
export interface Bus extends Part {
  /**
   * Follows a partition from an offset on: beyond the end it waits for the log to grow, below the start it begins there.
   * It may open the partition's own reader whenever it likes, so nobody else may; and is closed before the topic is.
   */
  follow(partition: AssignedPartition, from: number): Follower
  /** Hands on what this process has appended, after the commit. Best effort: it never waits, and never throws. */
  send(appended: AppendedRecords): void
  /** Default: it has nothing to tell. */
  readonly state?: BusState
}
