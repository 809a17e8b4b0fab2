import { Client } from 'pg'
import { defaultKafkaBrokers } from '../../src/testing/kafka.ts'
import type { Mark } from './ledger.ts'
import { Logs } from './logs.ts'

/** Where an {@link Observer} looks besides the database. */
export interface ObserverOptions {
  /** The Kafka that the app's topics live on. Default: what `TEST_BROKER` says; the empty list: none. */
  readonly kafkaBrokers?: readonly string[]
}

/** Looks into the database of an app, past the framework, and into the logs of its topics as another program would. */
export class Observer implements AsyncDisposable {
  readonly #client: Client
  readonly #logs: Logs
  /** The broker of topics that name none. */
  readonly #broker: string

  private constructor(client: Client, logs: Logs, broker: string) {
    this.#client = client
    this.#logs = logs
    this.#broker = broker
  }

  static async connect(url: string, options: ObserverOptions = {}): Promise<Observer> {
    const client = new Client({ connectionString: url, application_name: 'observer' })
    client.on('error', () => {})
    await client.connect()
    const kafkaBrokers = options.kafkaBrokers ?? defaultKafkaBrokers() ?? []
    return new Observer(client, Logs.of(url, kafkaBrokers), kafkaBrokers.length > 0 ? 'kafka' : 'postgres')
  }

  /** The broker that the spine's topics are on: the lane its events take. */
  get broker(): string {
    return this.#broker
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#client.query(text, [...values])).rows as Row[]
  }

  /** How many records the consumers have passed, in all. */
  async handled(): Promise<number> {
    const [row] = await this.query<{ handled: string }>(
      'SELECT coalesce(sum(next_offset), 0) AS handled FROM millrace.position',
    )
    return Number(row?.handled)
  }

  /** How many records a topic of marks has had. */
  async appended(topic: string): Promise<number> {
    return (await this.#logs.ends(this.#broker, topic)).reduce((sum, end) => sum + end, 0)
  }

  /**
   * Whether everything that was published has been relayed and handled, at one moment. There is no snapshot over the
   * database and a broker: positions that are at ends looked up afterwards were there when the positions were read, so
   * that only records that are tried again could publish any more; then none of these may be left, and nothing wait in the
   * outbox; and what left it before that look would have moved an end.
   */
  async drained(): Promise<boolean> {
    if (await this.#hasWaiting()) return false
    const consumed = await this.#consumed()
    const ends = await this.#endsOf(consumed)
    const atEnds = consumed.every(({ positions }, nth) => same(positions.map(Number), ends[nth]))
    if (consumed.length === 0 || !atEnds || (await this.#hasWaiting())) return false
    return same(ends, await this.#endsOf(consumed))
  }

  /** What a consumer's handlers did, in order. */
  effects(consumer: 'marks' | 'echoes' | 'replays'): Promise<Mark[]> {
    return this.query('SELECT stream, key, n FROM spine.effect WHERE consumer = $1 ORDER BY id', [consumer])
  }

  /** What is in the log of a topic of marks, in order within each partition. */
  async log(topic: string): Promise<Mark[]> {
    const records = await this.#logs.records(this.#broker, topic)
    return records.map(({ value }) => {
      const mark = JSON.parse(new TextDecoder().decode(value ?? undefined)) as Omit<Mark, 'stream'>
      return { stream: topic, ...mark }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
    await this.#logs[Symbol.asyncDispose]()
  }

  /** Each topic of each consumer, with the positions of all its partitions in order. */
  #consumed(): Promise<Consumed[]> {
    return this.query(
      `SELECT broker, topic, array_agg(next_offset ORDER BY partition) AS positions
         FROM millrace.position GROUP BY consumer_id, broker, topic, topic_id`,
    )
  }

  #endsOf(consumed: readonly Consumed[]): Promise<number[][]> {
    return Promise.all(consumed.map(({ broker, topic }) => this.#logs.ends(broker, topic)))
  }

  /** Whether events wait in the outbox, or records to be tried again. */
  async #hasWaiting(): Promise<boolean> {
    const [row] = await this.query<{ waiting: boolean }>(
      `SELECT EXISTS (SELECT FROM millrace.outbox o LEFT JOIN millrace.relay r USING (lane)
                       WHERE r.done IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.done))
              OR EXISTS (SELECT FROM millrace.outbox_parked)
              OR EXISTS (SELECT FROM millrace.parked WHERE due_at IS NOT NULL) AS waiting`,
    )
    return row?.waiting !== false
  }
}

interface Consumed {
  readonly broker: string
  readonly topic: string
  readonly positions: readonly string[]
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
