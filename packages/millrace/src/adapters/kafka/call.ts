import { fail, isMillraceError } from '../../core/errors.ts'
import type { OutgoingRecord, ProduceResult } from '../../ports/broker.ts'

/** A record of a call of `produce`, on its way. */
export interface Entry {
  readonly call: ProduceCall
  /** Its place among the records of the call. */
  readonly index: number
  readonly record: OutgoingRecord
  /** What it takes of a request, no less than it does. */
  readonly bytes: number
}

/** A call of `produce` under way: gathers what becomes of its records. */
export class ProduceCall {
  readonly #records: readonly OutgoingRecord[]
  readonly #results: (ProduceResult | undefined)[]
  readonly #answer = Promise.withResolvers<ProduceResult[]>()
  #missing: number
  #refusedKeys: Set<string> | undefined

  constructor(records: readonly OutgoingRecord[]) {
    this.#records = records
    this.#results = records.map(() => undefined)
    this.#missing = records.length
  }

  /**
   * One result for each record, in order.
   *
   * @throws BROKER_UNAVAILABLE when that is all there is to say of every one
   */
  get answer(): Promise<ProduceResult[]> {
    return this.#answer.promise
  }

  /** The caller has its answer: what was not sent by now must not be. */
  get isOver(): boolean {
    return this.#missing === 0
  }

  took(index: number, partition: number, offset: number): void {
    this.#settle(index, { topic: this.#topicOf(index), partition, offset })
  }

  failed(index: number, error: Error): void {
    this.#settle(index, { topic: this.#topicOf(index), error })
  }

  /** The broker refuses the record itself: later ones of its key are not to be sent. */
  refused(index: number, error: Error): void {
    const key = this.#keyOf(index)
    if (key !== undefined) {
      this.#refusedKeys ??= new Set()
      this.#refusedKeys.add(key)
    }
    this.failed(index, error)
  }

  /** Whether a record may still be sent; one behind a refused record of its key gets its answer here. */
  mayGo(index: number): boolean {
    if (this.isOver) return false
    if (this.#refusedKeys === undefined) return true
    const key = this.#keyOf(index)
    if (key === undefined || !this.#refusedKeys.has(key)) return true
    this.failed(index, fail('RECORD_HELD', { topic: this.#topicOf(index) }))
    return false
  }

  /** Nobody waits any longer for the answers that are missing. */
  expire(problem: string): void {
    const error = fail('BROKER_UNAVAILABLE', { problem })
    for (const index of this.#results.keys()) if (this.#results[index] === undefined) this.failed(index, error)
  }

  #settle(index: number, result: ProduceResult): void {
    if (this.#results[index] !== undefined) return
    this.#results[index] = result
    this.#missing -= 1
    if (this.#missing === 0) this.#finish(this.#results as ProduceResult[])
  }

  #finish(results: ProduceResult[]): void {
    const isKnown = (result: ProduceResult) =>
      !('error' in result && isMillraceError(result.error, 'BROKER_UNAVAILABLE'))
    const [first] = results
    if (results.some(isKnown) || !first || !('error' in first)) this.#answer.resolve(results)
    else this.#answer.reject(first.error)
  }

  #topicOf(index: number): string {
    return this.#records[index]?.topic ?? ''
  }

  #keyOf(index: number): string | undefined {
    const record = this.#records[index]
    return record?.key ? `${record.topic}\n${Buffer.from(record.key).toString('latin1')}` : undefined
  }
}
