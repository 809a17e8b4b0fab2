import { describe, expect, test } from 'vitest'
import type { Broker, OutgoingRecord, ProduceResult } from '../ports/broker.ts'
import { DirectPublisher } from './publisher.ts'

/** A broker that answers when the test says so, and remembers what it was asked. */
class SlowBroker {
  readonly requests: (readonly OutgoingRecord[])[] = []
  readonly #answers: PromiseWithResolvers<ProduceResult[]>[] = []
  #asked = Promise.withResolvers<void>()
  #offset = 0

  get port(): Broker {
    const unused = () => Promise.reject(new Error('not used here'))
    return {
      name: 'slow',
      produce: (records) => this.#produce(records),
      ensureTopics: unused,
      ranges: unused,
      describe: unused,
      offsetsAt: unused,
      openTopic: unused,
      join: unused,
      start: unused,
      stop: unused,
    }
  }

  /** Resolves when a request is there that has no answer yet. */
  async asked(): Promise<void> {
    while (this.#answers.length === 0) await this.#asked.promise
  }

  /** Takes the records of the oldest request, but for those that are refused. */
  async accept(refuse: (record: OutgoingRecord) => boolean = () => false): Promise<void> {
    await this.asked()
    const records = this.requests[this.requests.length - this.#answers.length] ?? []
    const results = records.map((record): ProduceResult => {
      if (refuse(record)) return { topic: record.topic, error: new Error(`refused ${text(record)}`) }
      this.#offset += 1
      return { topic: record.topic, partition: 0, offset: this.#offset - 1 }
    })
    this.#answers.shift()?.resolve(results)
  }

  async fail(error: Error): Promise<void> {
    await this.asked()
    this.#answers.shift()?.reject(error)
  }

  #produce(records: readonly OutgoingRecord[]): Promise<ProduceResult[]> {
    const answer = Promise.withResolvers<ProduceResult[]>()
    this.requests.push(records)
    this.#answers.push(answer)
    this.#asked.resolve()
    this.#asked = Promise.withResolvers()
    return answer.promise
  }
}

function record(value: string | Uint8Array): OutgoingRecord {
  return {
    topic: 't',
    key: null,
    value: typeof value === 'string' ? new TextEncoder().encode(value) : value,
    headers: [],
  }
}

function text({ value }: OutgoingRecord): string {
  return new TextDecoder().decode(value ?? undefined)
}

function setUp() {
  const broker = new SlowBroker()
  const publisher = new DirectPublisher(() => broker.port)
  const publish = (value: string) => publisher.publish(record(value))
  const requests = () => broker.requests.map((records) => records.map(text))
  return { broker, publisher, publish, requests }
}

describe('direct publishes', () => {
  test('of one turn share a request, those that come meanwhile the next; one is under way at a time', async () => {
    const { broker, publish, requests } = setUp()
    const first = ['a', 'b', 'c'].map(publish)
    await broker.asked()
    const second = ['d', 'e'].map(publish)
    expect(requests()).toEqual([['a', 'b', 'c']])
    await broker.accept()
    expect(await Promise.all(first)).toEqual([0, 1, 2].map((offset) => ({ topic: 't', partition: 0, offset })))
    await broker.accept()
    expect((await Promise.all(second)).map(({ offset }) => offset)).toEqual([3, 4])
    expect(requests()).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
  })

  test('keep their order over any number of requests, each of a bounded size', async () => {
    const { broker, publish, requests } = setUp()
    const values = Array.from({ length: 2_500 }, (_, index) => String(index))
    const published = Promise.all(values.map(publish))
    for (let request = 0; request < 3; request += 1) await broker.accept()
    expect((await published).map(({ offset }) => offset)).toEqual(values.map(Number))
    expect(requests().map(({ length }) => length)).toEqual([1_000, 1_000, 500])
    expect(requests().flat()).toEqual(values)
  })

  test('are cut by bytes too, at least one a request', async () => {
    const { broker, publisher } = setUp()
    const megabytes = (count: number) => record(new Uint8Array(count * 1024 * 1024))
    const published = [6, 3, 2, 1].map((size) => publisher.publish(megabytes(size)))
    for (let request = 0; request < 3; request += 1) await broker.accept()
    await Promise.all(published)
    expect(broker.requests.map(({ length }) => length)).toEqual([1, 1, 2])
  })

  test('that are refused fail alone', async () => {
    const { broker, publish } = setUp()
    const outcomes = Promise.allSettled(['a', 'b', 'c'].map(publish))
    await broker.accept((refused) => text(refused) === 'b')
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled', value: { offset: 0 } },
      { status: 'rejected', reason: { message: 'refused b' } },
      { status: 'fulfilled', value: { offset: 1 } },
    ])
  })

  test('of a request that failed all fail, and the next go on', async () => {
    const { broker, publish } = setUp()
    const lost = Promise.allSettled(['a', 'b'].map(publish))
    await broker.asked()
    const next = publish('c')
    await broker.fail(new Error('unavailable'))
    expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await broker.accept()
    expect(await next).toMatchObject({ offset: 0 })
  })

  test('are refused when too many bytes wait for the broker, and taken again when it has answered', async () => {
    const { broker, publisher, publish } = setUp()
    const large = record(new Uint8Array(1024 * 1024))
    const waiting = Array.from({ length: 64 }, () => publisher.publish(large))
    await expect(publish('more')).rejects.toMatchObject({ code: 'PUBLISH_QUEUE_FULL' })
    await broker.accept()
    await waiting[0]
    const later = publish('later')
    for (let request = 1; request < 64 / 4; request += 1) await broker.accept()
    await Promise.all(waiting)
    await broker.accept()
    expect(await later).toMatchObject({ offset: 64 })
  })

  test('that wait when it stops get their answer, later ones are refused', async () => {
    const { broker, publisher, publish } = setUp()
    const first = publish('a')
    await broker.asked()
    const second = publish('b')
    let stopped = false
    const stop = publisher.stop().then(() => {
      stopped = true
    })
    await expect(publish('c')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await broker.accept()
    await first
    expect(stopped).toBe(false)
    await broker.accept()
    expect(await second).toMatchObject({ offset: 1 })
    await stop
    await publisher.stop()
  })
})
