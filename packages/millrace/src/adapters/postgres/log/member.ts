import { randomUUID } from 'node:crypto'
import { fail, messageOf } from '../../../core/errors.ts'
import { within } from '../../../core/wait.ts'
import type { AssignedPartition, GroupListener, LogRange, PartitionReader } from '../../../ports/broker.ts'
import type { Assignment, MemberRow } from './assignments.ts'
import type { LogConfig } from './config.ts'
import { readBounds } from './partition-log.ts'
import { LogReader } from './reader.ts'
import type { LogTopic } from './topics.ts'
import type { Watcher } from './watcher.ts'

/** What a member needs of its broker. */
export interface MemberContext {
  readonly config: LogConfig
  readonly watcher: Watcher
  /** Asks for a look at the assignment, soon. */
  readonly onChange: () => void
}

/** What a partition is read with. */
export type ReadContext = Pick<MemberContext, 'config' | 'watcher'>

/**
 * A member's side of the assignment: what it holds, and what its listener was told. A partition is
 * `held` → (asked to give it up) `revoking` → (its listener has let go) `released` → (the database knows) gone;
 * or lost, from any of these.
 */
export class Member {
  readonly group: string
  readonly topics: readonly LogTopic[]
  readonly #listener: GroupListener
  readonly #context: MemberContext
  readonly #held = new Map<string, Holding>()
  #id = randomUUID() as string
  #leaving = false
  #registered = false

  constructor(context: MemberContext, group: string, topics: readonly LogTopic[], listener: GroupListener) {
    this.#context = context
    this.group = group
    this.topics = topics
    this.#listener = listener
  }

  get id(): string {
    return this.#id
  }

  /** Whether the database knows it. */
  get isRegistered(): boolean {
    return this.#registered
  }

  get isLeaving(): boolean {
    return this.#leaving
  }

  markRegistered(): void {
    this.#registered = true
  }

  /** From now on it takes no more partitions. */
  markLeaving(): void {
    this.#leaving = true
  }

  row(processId: string): MemberRow {
    return { id: this.#id, processId, group: this.group, topics: this.topics.map(({ number }) => number) }
  }

  /** What its listener has let go of and the database does not know yet. */
  get released(): Assignment[] {
    return [...this.#held.values()].filter(({ state }) => state === 'released').map(({ assignment }) => assignment)
  }

  /** Brings what it holds in line with its assignments; answers those it would claim. */
  follow(assignments: readonly Assignment[]): Assignment[] {
    const owned = new Map(assignments.filter(({ owner }) => owner === this.#id).map((one) => [nameOf(one), one]))
    for (const [name, holding] of this.#held) {
      if (owned.get(name)?.epoch !== holding.assignment.epoch) this.#lose(name, holding)
    }
    for (const [name, assignment] of owned) {
      if (!this.#held.has(name)) this.take(assignment)
      if (assignment.target !== this.#id) void this.#revoke(name)
    }
    return this.#leaving ? [] : assignments.filter(({ owner, target }) => owner === null && target === this.#id)
  }

  /** The partition is its own now; unless it is leaving: nobody was told of this claim, and nobody needs to be. */
  take(assignment: Assignment): void {
    if (this.#leaving) return
    const topic = this.topics.find(({ number }) => number === assignment.topic)
    const name = nameOf(assignment)
    if (topic === undefined || this.#held.has(name)) return
    const partition = new HeldPartition(this.#context, topic, assignment.partition)
    this.#held.set(name, { assignment, partition, state: 'held' })
    this.#tell(() => this.#listener.assigned(partition))
  }

  /** The database knows that these were given up. */
  forget(released: readonly Assignment[]): void {
    for (const assignment of released) {
      if (this.#held.get(nameOf(assignment))?.assignment === assignment) this.#held.delete(nameOf(assignment))
    }
  }

  /** Gives everything up; resolves when the listener has let go of it all, or the bound has passed. */
  async revokeAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((name) => this.#revoke(name)))
  }

  /** Everything is gone; it will join again as a new member. */
  loseAll(): void {
    for (const [name, holding] of this.#held) this.#lose(name, holding)
    this.#id = randomUUID()
    this.#registered = false
  }

  #lose(name: string, holding: Holding): void {
    this.#held.delete(name)
    holding.partition.end()
    if (holding.state !== 'released') this.#tell(() => this.#listener.lost(holding.partition))
  }

  #revoke(name: string): Promise<void> {
    const holding = this.#held.get(name)
    if (holding === undefined) return Promise.resolve()
    holding.revoked ??= this.#letGo(name, holding)
    return holding.revoked
  }

  async #letGo(name: string, holding: Holding): Promise<void> {
    holding.state = 'revoking'
    const { partition } = holding
    const inTime = await within(this.#context.config.revokeMs, async () => {
      await this.#listener.revoked(partition)
    }).catch((error: unknown) => this.#complain(error))
    partition.end()
    if (this.#held.get(name) !== holding) return
    holding.state = 'released'
    if (inTime === false) this.#tell(() => this.#listener.lost(partition))
    this.#context.onChange()
  }

  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    this.#context.config.logger.error({ group: this.group, err: error }, 'a listener of a group has failed')
  }
}

interface Holding {
  readonly assignment: Assignment
  readonly partition: HeldPartition
  state: 'held' | 'revoking' | 'released'
  revoked?: Promise<void>
}

/** A partition to read, until its end. */
export class HeldPartition implements AssignedPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly #number: number
  readonly #context: ReadContext
  #reader: PartitionReader | undefined
  #ended = false

  constructor(context: ReadContext, topic: LogTopic, partition: number) {
    this.#context = context
    this.topic = topic.name
    this.topicId = topic.id
    this.#number = topic.number
    this.partition = partition
  }

  async range(): Promise<LogRange> {
    const { database } = this.#context.config
    try {
      const { start, end } = await readBounds(database, { topicNumber: this.#number, partition: this.partition }, 0)
      return { start, end }
    } catch (error) {
      throw fail('BROKER_UNAVAILABLE', { problem: messageOf(error) }, { cause: error })
    }
  }

  open(from: number, to?: number): PartitionReader {
    this.#reader?.close()
    const watch = this.#context.watcher.watch({ topicNumber: this.#number, partition: this.partition })
    this.#reader = new LogReader(this.#context.config, watch, `${this.topic}/${this.partition}`, { from, to })
    if (this.#ended) this.#reader.close()
    return this.#reader
  }

  /** The partition is another's: nothing of it is read from now on. */
  end(): void {
    this.#ended = true
    this.#reader?.close()
  }
}

function nameOf({ topic, partition }: Assignment): string {
  return `${topic}/${partition}`
}
