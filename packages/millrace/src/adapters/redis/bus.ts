import { within } from '../../core/wait.ts'
import type { AssignedPartition } from '../../ports/broker.ts'
import type { AppendedRecords, Bus, BusState, Follower } from '../../ports/bus.ts'
import type { RedisConfig } from './config.ts'
import { type RedisClient, RedisConnection } from './connection.ts'
import { noFaults } from './faults.ts'
import { RedisFollower } from './follower.ts'
import { decodeMessage } from './message.ts'
import { Sender } from './sender.ts'

/** On stopping. */
const sendWithinMs = 500

/** Who follows a partition, by the channel that its records travel on. */
class Channel {
  readonly name: string
  readonly followers = new Set<RedisFollower>()

  constructor(name: string) {
    this.name = name
  }

  /** Of the same identity always, by which the library knows it. */
  readonly listen = (bytes: Buffer): void => {
    const message = decodeMessage(bytes)
    for (const follower of this.followers) follower.take(message)
  }
}

/** See {@link Bus}. */
export class RedisBus implements Bus {
  readonly name = 'redis bus'
  readonly #config: RedisConfig
  readonly #connection: RedisConnection
  readonly #channels = new Map<string, Channel>()
  readonly #taken = { bus: 0, log: 0 }
  readonly #faults = noFaults()
  readonly #sender: Sender

  constructor(config: RedisConfig) {
    this.#config = config
    this.#sender = new Sender(this.#faults, config.logger.child({ part: 'redis' }))
    this.#connection = new RedisConnection({
      config,
      meanwhile: 'live updates come by the log in PostgreSQL',
      opened: async (client) => {
        for (const channel of this.#channels.values()) await this.#subscribe(client, channel)
      },
      closed: () => {
        for (const { followers } of this.#channels.values()) for (const follower of followers) follower.down()
      },
    })
  }

  get state(): BusState {
    const { problem, losses } = this.#connection
    return {
      problem: problem ?? this.#sender.problem,
      taken: this.#taken,
      faults: { ...this.#faults, connection: losses },
    }
  }

  start(): Promise<void> {
    return this.#connection.start()
  }

  /** What was appended last is handed on, if that takes no longer than a moment. */
  async stop(): Promise<void> {
    for (const { followers } of this.#channels.values()) for (const follower of followers) follower.close()
    await within(sendWithinMs, () => this.#sender.idle())
    await this.#connection.stop()
  }

  follow(partition: AssignedPartition, from: number): Follower {
    const name = this.#channelOf(partition)
    const channel = this.#channels.get(name) ?? new Channel(name)
    this.#channels.set(name, channel)
    const follower = new RedisFollower({
      ...{ partition, from, lookMs: this.#config.lookMs, taken: this.#taken, faults: this.#faults },
      closed: (closed) => this.#leave(channel, closed),
    })
    channel.followers.add(follower)
    const { client } = this.#connection
    if (client) this.#subscribe(client, channel).catch((error: unknown) => this.#connection.drop(error))
    return follower
  }

  send(appended: AppendedRecords): void {
    this.#sender.send(this.#connection.client, this.#channelOf(appended), appended)
  }

  /** A topic that was made anew has another id. */
  #channelOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
    return `${this.#config.prefix}:bus:${topicId}:${partition}`
  }

  async #subscribe(client: RedisClient, channel: Channel): Promise<void> {
    await client.subscribe(channel.name, channel.listen, true)
    for (const follower of channel.followers) follower.up()
  }

  #leave(channel: Channel, follower: RedisFollower): void {
    channel.followers.delete(follower)
    if (channel.followers.size > 0) return
    this.#channels.delete(channel.name)
    this.#connection.client?.unsubscribe(channel.name, channel.listen, true).catch(() => {})
  }
}
