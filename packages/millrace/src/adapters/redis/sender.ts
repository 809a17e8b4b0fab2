import { ErrorReply } from 'redis'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
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
  readonly #logger: Logger
  /** By channel: of each partition that this process appends to. */
  readonly #tails = new Map<string, Tail>()
  readonly #sending = new Set<Promise<void>>()
  #waitingBytes = 0
  #refusal: string | undefined

  constructor(faults: BusFaults, logger: Logger) {
    this.#faults = faults
    this.#logger = logger
  }

  /** Why Redis takes nothing, though it is there. */
  get problem(): string | undefined {
    return this.#refusal
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

  /** Resolves when nothing waits to be taken. */
  async idle(): Promise<void> {
    await Promise.all(this.#sending)
  }

  #publish(client: RedisClient, channel: string, bytes: Buffer): void {
    this.#waitingBytes += bytes.length
    const sending = client
      .publish(channel, bytes)
      .then(
        () => {
          this.#refusal = undefined
        },
        (error: unknown) => this.#failed(error),
      )
      .then(() => {
        this.#waitingBytes -= bytes.length
        this.#sending.delete(sending)
      })
    this.#sending.add(sending)
  }

  /** Where the connection was lost, that is told of elsewhere. */
  #failed(error: unknown): void {
    this.#faults.unsent += 1
    if (!(error instanceof ErrorReply)) return
    if (!this.#refusal) {
      this.#logger.warn(
        { problem: messageOf(error) },
        'Redis refuses what is sent: live updates come by the log in PostgreSQL',
      )
    }
    this.#refusal = messageOf(error)
  }
}
