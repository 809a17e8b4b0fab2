import { randomUUID } from 'node:crypto'
import { Repeatable, Signal } from '../../../core/signal.ts'
import type { GroupMember } from '../../../ports/broker.ts'
import type { Lease } from '../../../ports/database.ts'
import {
  type Assignment,
  beat,
  claim,
  type GroupStore,
  groupChannel,
  presenceLock,
  readAssignments,
  registerMember,
  release,
  removeDeadMembers,
  removeMember,
} from './assignments.ts'
import type { LogConfig } from './config.ts'
import type { Member } from './member.ts'
import type { Patience } from './patience.ts'

/**
 * All group members of this process, under one sign of life. When that is late by the session, whether the process was
 * stopped or the database away, the process knows by its own clock, before anyone else can take its partitions: its
 * members lose everything, and join again as new ones.
 */
export class Membership {
  readonly #config: LogConfig
  readonly #store: GroupStore
  readonly #members = new Set<Member>()
  readonly #leaving = new WeakMap<Member, Promise<void>>()
  readonly #versions = new Map<string, number>()
  readonly #sync = new Repeatable(() => this.#quietly(() => this.#follow()))
  readonly #removeDead = new Repeatable(() => this.#quietly(() => this.#removeNextDead()))
  /** And whether it was told by the connections of the dead. */
  readonly #groupsWithDead = new Map<string, boolean>()
  readonly #wake = new Signal()
  #processId = randomUUID() as string
  /** Lost with the process's connections: the others need not wait for its session to end then. */
  #presence: Lease | undefined
  /** When the sign of life that was last answered was sent, by the clock that never jumps. */
  #seenAt = 0
  #fence: NodeJS.Timeout | undefined
  /** How many joins are under way. */
  #joining = 0
  #beating: Promise<void> | undefined
  #stopped = false
  #unlisten: (() => Promise<void>) | undefined

  constructor(config: LogConfig, patience: Patience) {
    this.#config = config
    this.#store = { database: config.database, patience }
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#config.database.listen(groupChannel, () => this.changed())
    this.#beating = this.#beat()
  }

  /** Lets all members leave, then ends. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#members].map((member) => this.#leave(member)))
    this.#wake.notify()
    clearTimeout(this.#fence)
    await this.#presence?.release()
    await this.#unlisten?.().catch(() => {})
    await Promise.all([this.#beating, this.#sync.idle(), this.#removeDead.idle()])
  }

  async join(member: Member): Promise<GroupMember> {
    this.#joining += 1
    try {
      await this.#register(member)
      this.#members.add(member)
    } catch (error) {
      // It may have been registered all the same; then it must not stay, or it keeps its share from the others.
      member.markRegistered()
      void this.#remove(member)
      throw error
    } finally {
      this.#joining -= 1
    }
    this.changed()
    // What a log has it keeps: nobody can delete a topic.
    return { missing: [], leave: () => this.#leave(member) }
  }

  /** The assignment may have changed. */
  changed(): void {
    if (this.#members.size > 0) this.#sync.trigger()
  }

  async #register(member: Member): Promise<void> {
    const sentAt = performance.now()
    const processId = this.#processId
    await registerMember(this.#store, member.row(processId), this.#config.sessionMs)
    if (processId !== this.#processId) return
    member.markRegistered()
    // The first member's registration is the process's first sign of life.
    if (this.#seenAt === 0) this.#alive(sentAt)
  }

  #leave(member: Member): Promise<void> {
    const leaving = this.#leaving.get(member) ?? this.#leaveOnce(member)
    this.#leaving.set(member, leaving)
    return leaving
  }

  async #leaveOnce(member: Member): Promise<void> {
    member.markLeaving()
    await member.revokeAll()
    await this.#remove(member)
    this.#members.delete(member)
    if (this.#members.size === 0 && this.#joining === 0) this.#renew()
  }

  /** Tries until it is done, or pointless: a process that is no more has no members. */
  async #remove(member: Member): Promise<void> {
    const processId = this.#processId
    while (member.isRegistered && processId === this.#processId) {
      try {
        return await removeMember(this.#store, member.row(processId))
      } catch (error) {
        this.#config.logger.debug({ err: error }, 'a member could not leave its group yet')
        if (this.#stopped) return
        await this.#wake.wait(this.#config.heartbeatMs)
      }
    }
  }

  async #beat(): Promise<void> {
    while (!this.#stopped) {
      await this.#wake.wait(this.#config.heartbeatMs)
      if (!this.#stopped && this.#members.size > 0) await this.#quietly(() => this.#showLife())
    }
  }

  async #showLife(): Promise<void> {
    for (const member of this.#members) if (!member.isRegistered && !member.isLeaving) await this.#rejoin(member)
    if (this.#seenAt === 0) return
    const sentAt = performance.now()
    const processId = this.#processId
    const groups = [...new Set([...this.#members].map(({ group }) => group))]
    const mayJudge = this.#mayJudge
    const pulse = await beat(this.#config.database, { processId, groups, mayJudge })
    if (processId !== this.#processId) return
    if (!pulse.alive) return this.#loseAll()
    this.#alive(sentAt)
    void this.#bePresent(processId)
    for (const group of pulse.groupsWithDead) this.#groupsWithDead.set(group, mayJudge)
    if (pulse.groupsWithDead.length > 0) this.#removeDead.trigger()
    if (groups.some((group) => pulse.versions.get(group) !== this.#versions.get(group))) this.changed()
    for (const [group, version] of pulse.versions) this.#versions.set(group, version)
  }

  /** The others' connections may have been lost with its own, and be made again in a moment: its next sign of life tells. */
  get #mayJudge(): boolean {
    const isPresent = this.#presence?.lost.aborted === false
    return isPresent && performance.now() - this.#seenAt < this.#config.sessionMs / 3
  }

  async #bePresent(processId: string): Promise<void> {
    if (this.#presence?.lost.aborted === false) return
    await this.#quietly(async () => {
      const presence = await this.#config.database.tryLock(presenceLock(processId))
      if (this.#stopped || processId !== this.#processId) await presence?.release()
      else this.#presence = presence
    })
  }

  async #rejoin(member: Member): Promise<void> {
    await this.#register(member)
    if (member.isLeaving) return this.#remove(member)
    this.#config.logger.info({ group: member.group }, 'joined the group again')
    this.changed()
  }

  #alive(sentAt: number): void {
    this.#seenAt = sentAt
    clearTimeout(this.#fence)
    const left = sentAt + this.#config.sessionMs - performance.now()
    this.#fence = setTimeout(() => this.#loseAll(), Math.max(0, left))
  }

  #loseAll(): void {
    this.#config.logger.warn({}, 'no sign of life for the length of a session: all partitions are lost; joining again')
    this.#renew()
    for (const member of this.#members) member.loseAll()
    this.#wake.notify()
  }

  /** From now on this is another process to the others. */
  #renew(): void {
    clearTimeout(this.#fence)
    void this.#presence?.release()
    this.#presence = undefined
    this.#processId = randomUUID()
    this.#seenAt = 0
    this.#versions.clear()
  }

  async #follow(): Promise<void> {
    const members = [...this.#members].filter(({ isRegistered }) => isRegistered)
    if (members.length === 0) return
    await this.#release(members)
    const processId = this.#processId
    const groups = [...new Set(members.map(({ group }) => group))]
    const assignments = await readAssignments(
      this.#config.database,
      groups,
      members.map(({ id }) => id),
    )
    if (processId !== this.#processId) return
    const wanted = members.flatMap((member) => member.follow(assignmentsOf(member, assignments)))
    if (wanted.length === 0) return
    const claimed = await claim(this.#store, wanted)
    if (processId !== this.#processId) return
    for (const member of members) for (const one of claimed) if (one.owner === member.id) member.take(one)
  }

  async #release(members: readonly Member[]): Promise<void> {
    const released = members.flatMap((member) => member.released)
    if (released.length === 0) return
    await release(this.#store, released)
    for (const member of members) member.forget(released)
  }

  async #removeNextDead(): Promise<void> {
    for (const [group, mayJudge] of this.#groupsWithDead) {
      this.#groupsWithDead.delete(group)
      await removeDeadMembers(this.#store, group, mayJudge)
    }
  }

  /** Failures heal by themselves: everything here is tried again at the next heartbeat. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#versions.clear()
      const level = this.#config.database.faultOf(error) === 'unavailable' ? 'debug' : 'warn'
      this.#config.logger[level]({ err: error }, 'the group could not be followed; tried again at the next heartbeat')
    }
  }
}

function assignmentsOf({ id, group }: Member, assignments: readonly Assignment[]): Assignment[] {
  return assignments.filter((one) => one.group === group && (one.owner === id || one.target === id))
}
