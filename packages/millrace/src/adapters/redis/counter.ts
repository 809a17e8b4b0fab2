import { createHash } from 'node:crypto'
import { ErrorReply } from 'redis'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { within } from '../../core/wait.ts'
import type { Count, CounterState, SharedCounter } from '../../ports/counter.ts'
import type { RedisConfig } from './config.ts'
import { type RedisClient, RedisConnection } from './connection.ts'

/** A request waits for so long at most. */
const answerWithinMs = 250
/** A server that did not answer, or refused, is asked again after so long. */
const restMs = 1_000
/** Requests that wait at once; what comes besides does not. */
const mostWaiting = 1_000

/** One round trip, in one step. A count that has no end, as its server was stopped between two steps, is given one. */
const script = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left }`

/** See {@link SharedCounter}. */
export class RedisCounter implements SharedCounter {
  readonly name = 'redis counter'
  readonly #config: RedisConfig
  readonly #connection: RedisConnection
  readonly #logger: Logger
  #restsUntil = 0
  #refusal: string | undefined
  #waiting = 0

  constructor(config: RedisConfig) {
    this.#config = config
    this.#logger = config.logger.child({ part: 'redis' })
    this.#connection = new RedisConnection({ config, meanwhile: 'each process counts requests for itself' })
  }

  get state(): CounterState {
    return { problem: this.#connection.problem ?? this.#refusal }
  }

  start(): Promise<void> {
    return this.#connection.start()
  }

  stop(): Promise<void> {
    return this.#connection.stop()
  }

  async add(key: string, windowMs: number): Promise<Count | undefined> {
    const { client } = this.#connection
    if (!client || performance.now() < this.#restsUntil || this.#waiting >= mostWaiting) return undefined
    this.#waiting += 1
    let count: Count | undefined
    try {
      const isAnswered = await within(answerWithinMs, async () => {
        count = await this.#count(client, key, windowMs)
      })
      if (isAnswered) this.#refusal = undefined
      else this.#rest(`no answer within ${answerWithinMs} ms`)
    } catch (error) {
      // Where the connection was lost, that is told of elsewhere.
      if (error instanceof ErrorReply) this.#rest(messageOf(error))
    } finally {
      this.#waiting -= 1
    }
    return count
  }

  async #count(client: RedisClient, key: string, windowMs: number): Promise<Count> {
    const name = `${this.#config.prefix}:count:${createHash('sha256').update(key).digest('base64url')}`
    const answer = await client.eval(script, { keys: [name], arguments: [String(windowMs)] })
    const [count, leftMs] = answer as [number, number]
    return { count, leftMs }
  }

  #rest(problem: string): void {
    this.#restsUntil = performance.now() + restMs
    if (!this.#refusal) this.#logger.warn({ problem }, 'Redis does not count: each process counts requests for itself')
    this.#refusal = problem
  }
}
