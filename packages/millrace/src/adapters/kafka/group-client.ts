import {
  type Callback,
  type Connection,
  Consumer,
  type ConsumerOptions,
  kGetBootstrapConnection,
} from '@platformatic/kafka'
import type { KafkaTopics } from './topics.ts'

type Options = ConsumerOptions<Buffer, Buffer, Buffer, Buffer>

/**
 * The library's member of a group, but for whom it asks who leads the group: the library would ask the first broker that
 * takes a connection, also one that hangs, and wait as long as for a group to meet.
 */
export class GroupClient extends Consumer {
  readonly #topics: KafkaTopics

  constructor(options: Options, topics: KafkaTopics) {
    super(options)
    this.#topics = topics
  }

  override [kGetBootstrapConnection](callback: Callback<Connection>): void {
    this.#topics.anyConnection().then(
      (connection) => callback(null, connection),
      (error: Error) => callback(error),
    )
  }
}
