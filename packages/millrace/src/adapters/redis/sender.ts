import type { AppendedRecords } from '../../ports/bus.ts'
import type { RedisClient } from './connection.ts'
import type { BusFaults } from './faults.ts'
import { encodeMessage, messagesOf, type Print, printOf } from './message.ts'

/** Messages that Redis has not taken yet have so much; what is more is not sent. */
const mostWaitingBytes = 16 * 1024 * 1024

/** The last record that this process has appended somewhere. */
interface Tail {
  readonly end: number
  readonly print: Print
}

/** Sends what this process has appended. What is not sent, followers read from the log. */
export class Sender {
  readonly #faults: BusFaults
  /** By channel: of each partition that this process appends to. */
  readonly #tails = new Map<string, Tail>()
  #waitingBytes = 0

  constructor(faults: BusFaults) {
    this.#faults = faults
  }

  send(client: RedisClient | undefined, channel: string, { records }: AppendedRecords): void {
    const [first, last] = [records[0], records.at(-1)]
    if (!first || !last) return
    const tail = this.#tails.get(channel)
    const before = tail?.end === first.offset ? tail.print : undefined
    this.#tails.set(channel, { end: last.offset + 1, print: printOf(last) })
    for (const message of messagesOf(records, before)) {
      if (client && this.#waitingBytes < mostWaitingBytes) this.#publish(client, channel, encodeMessage(message))
      else this.#faults.unsent += 1
    }
  }

  #publish(client: RedisClient, channel: string, bytes: Buffer): void {
    this.#waitingBytes += bytes.length
    const published = client.publish(channel, bytes).then(
      () => {},
      () => {
        this.#faults.unsent += 1
      },
    )
    void published.then(() => {
      this.#waitingBytes -= bytes.length
    })
  }
}
