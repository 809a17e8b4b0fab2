import { Client } from 'pg'
import type { Mark } from './ledger.ts'

/** Looks into the database of an app, past the framework. */
export class Observer implements AsyncDisposable {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async connect(url: string): Promise<Observer> {
    const client = new Client({ connectionString: url, application_name: 'observer' })
    client.on('error', () => {})
    await client.connect()
    return new Observer(client)
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

  /** Whether everything has been relayed and handled, at one moment. */
  async drained(): Promise<boolean> {
    // One snapshot for all: what moves on meanwhile is seen at one place, and at one only.
    await this.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const [row] = await this.query<{ done: boolean | null; waiting: boolean }>(
      `SELECT (SELECT bool_and((millrace.log_ends(array[t.id], array[p.partition]))[1] = p.next_offset)
                 FROM millrace.position p JOIN millrace.log_topics t ON t.uuid = p.topic_id) AS done,
              EXISTS (SELECT FROM millrace.outbox o LEFT JOIN millrace.relay r USING (lane)
                       WHERE r.done IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.done))
              OR EXISTS (SELECT FROM millrace.outbox_parked) AS waiting`,
    )
    await this.query('COMMIT')
    return row?.done === true && !row.waiting
  }

  /** What a consumer's handlers did, in order. */
  effects(consumer: 'marks' | 'echoes'): Promise<Mark[]> {
    return this.query('SELECT stream, key, n FROM spine.effect WHERE consumer = $1 ORDER BY id', [consumer])
  }

  /** What is in the log of a topic of marks, in order within each partition. */
  async log(topic: string): Promise<Mark[]> {
    const rows = await this.query<{ value: Buffer }>(
      `SELECT value FROM millrace.log l JOIN millrace.log_topics t ON t.id = l.topic_id
        WHERE t.name = $1 ORDER BY partition, "offset"`,
      [topic],
    )
    return rows.map(({ value }) => ({ stream: topic, ...(JSON.parse(value.toString()) as Omit<Mark, 'stream'>) }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}
