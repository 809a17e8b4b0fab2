import type { BrokerRecord } from '../../src/ports/broker.ts'
import type { Mark } from '../faults/ledger.ts'
import { Logs } from '../faults/logs.ts'
import { Observer } from '../faults/observer.ts'
import { until } from '../faults/until.ts'
import { directMarks, echoes, outboxMarks } from './flow.ts'
import type { Evidence, Letter, Place, Trace } from './verdict.ts'

const bothStreams = [directMarks.name, outboxMarks.name]

/** What of the evidence lies in the database and in the topics. */
export type Found = Pick<Evidence, 'traces' | 'undecodable' | 'parked' | 'gaps'>

/** Looks at what a run has left, past the apps; to be opened when all is whole again. */
export class Observation implements AsyncDisposable {
  readonly #observer: Observer
  readonly #logs: Logs

  private constructor(observer: Observer, logs: Logs) {
    this.#observer = observer
    this.#logs = logs
  }

  static async open(databaseUrl: string, kafkaBrokers: readonly string[]): Promise<Observation> {
    return new Observation(await Observer.connect(databaseUrl, { kafkaBrokers }), Logs.of(databaseUrl, kafkaBrokers))
  }

  /** Resolves when everything that was published has been handled, or waits for a dead letter. */
  async drained(withinMs: number): Promise<void> {
    await until('everything is handled', () => this.#observer.drained(), withinMs)
  }

  /** Resolves when nothing waits for a dead letter, either. */
  async released(withinMs: number): Promise<void> {
    await until(
      'nothing is held',
      async () => (await this.#countHeld()) === 0 && (await this.#observer.drained()),
      withinMs,
    )
  }

  /** From now on, nothing fails that was made to. */
  async mendHandlers(): Promise<void> {
    await this.#observer.query('INSERT INTO chaos.mended DEFAULT VALUES')
  }

  async deadLetters(): Promise<Letter[]> {
    const rows = await this.#observer.query<Place & { consumer: string | null; value: Buffer | null }>(
      `SELECT c.name AS consumer, d.topic, d.partition, d."offset"::int AS "offset", d.value
         FROM millrace.dead_letter d LEFT JOIN millrace.consumer c ON c.id = d.consumer_id`,
    )
    return rows.map(({ consumer, value, ...place }) => {
      return { consumer: consumer ?? 'nobody', ...place, mark: markOf(place.topic, value) }
    })
  }

  /** The marks of units that were committed, in order. */
  accepted(): Promise<Mark[]> {
    return this.#observer.query('SELECT stream, key, n FROM chaos.accepted ORDER BY id')
  }

  async findings(): Promise<Found> {
    const direct = await this.#topic(directMarks.name)
    const outbox = await this.#topic(outboxMarks.name)
    const echoed = await this.#topic(echoes.name)
    // To the log in the database, the relay appends exactly once.
    const relayRepeats = this.#observer.broker !== 'postgres'
    const traces: Trace[] = [
      { where: 'rows of units of work', streams: [outboxMarks.name], marks: await this.accepted(), mayRepeat: false },
      { where: 'topic direct', streams: [directMarks.name], marks: direct.marks, mayRepeat: true },
      { where: 'topic outbox', streams: [outboxMarks.name], marks: outbox.marks, mayRepeat: relayRepeats },
      { where: 'effects of marks', streams: bothStreams, marks: await this.#effects('marks'), mayRepeat: false },
      { where: 'topic echoes', streams: bothStreams, marks: echoed.marks, mayRepeat: relayRepeats },
      { where: 'effects of echoes', streams: bothStreams, marks: await this.#effects('echoes'), mayRepeat: false },
      { where: 'effects of batches', streams: bothStreams, marks: await this.#effects('batches'), mayRepeat: false },
    ]
    const undecodable = [direct, outbox, echoed].flatMap(({ others }) => others)
    const parked = await this.#count('millrace.parked')
    return { traces, undecodable, parked, gaps: await this.#count('millrace.gap') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#observer[Symbol.asyncDispose]()
    await this.#logs[Symbol.asyncDispose]()
  }

  #effects(consumer: string): Promise<Mark[]> {
    return this.#observer.query('SELECT stream, key, n FROM chaos.effect WHERE consumer = $1 ORDER BY id', [consumer])
  }

  async #count(table: string): Promise<number> {
    const [row] = await this.#observer.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
    return row?.count ?? 0
  }

  async #countHeld(): Promise<number> {
    const [row] = await this.#observer.query<{ held: number }>(
      `SELECT (SELECT count(*) FROM millrace.parked)::int
            + (SELECT count(*) FROM millrace.dead_letter WHERE held_key_id IS NOT NULL)::int AS held`,
    )
    return row?.held ?? 0
  }

  /** The marks of a topic, partition by partition, and where it has something else. */
  async #topic(topic: string): Promise<{ readonly marks: Mark[]; readonly others: Place[] }> {
    const partitions = await this.#logs.partitions(this.#observer.broker, topic)
    const records = partitions.flatMap((records, partition) => records.map((record) => ({ partition, ...record })))
    return {
      marks: records.flatMap(({ value }) => markOf(topic, value) ?? []),
      others: records
        .filter(({ value }) => !markOf(topic, value))
        .map(({ partition, offset }) => ({ topic, partition, offset })),
    }
  }
}

/** The mark that a record of a topic is of; undefined for what nobody can decode. */
function markOf(topic: string, value: BrokerRecord['value']): Mark | undefined {
  try {
    const { stream = topic, key, n } = JSON.parse(new TextDecoder().decode(value ?? undefined)) as Partial<Mark>
    return typeof key === 'string' && typeof n === 'number' ? { stream, key, n } : undefined
  } catch {
    return undefined
  }
}
