import * as z from 'zod'
import { createPostgresBroker, createPostgresDatabase, type PostgresBroker } from '../adapters/postgres/index.ts'
import { encodeEvent } from '../contracts/index.ts'
import { systemClock } from '../core/clock.ts'
import { fail } from '../core/errors.ts'
import { type Logger, silentLogger } from '../core/logger.ts'
import { defineTopic } from '../core/topic.ts'
import type { Queryable, Unit } from '../core/unit.ts'
import type { Database, Lease, Transaction } from '../ports/database.ts'
import { createAppDatabase } from '../testing/test-app.ts'
import { UnitOfWork } from '../unit/index.ts'
import {
  outboxSlices,
  Relay,
  type RelayOptions,
  type TransactionalLog,
  transactionalLane,
  writeOutbox,
} from './index.ts'

/** The value of a key, and how large the record is to be. */
export const counted = z.object({ key: z.string(), n: z.int(), padding: z.string().optional() })

/** What a lane's topic is like. */
export function counterTopic(name: string) {
  return defineTopic(name, { key: ({ data }) => `${name}/${data.key}`, events: { Counted: counted } })
}

/** A lane of the outbox, and a topic of it. */
export interface TestLane {
  readonly name: string
  readonly topic: ReturnType<typeof counterTopic>
  readonly log: TransactionalLog
}

/** What came out at the end, in order within each partition. */
export interface Logged {
  readonly partition: number
  readonly key: string
  readonly n: number
  readonly padding?: string | undefined
}

/** A dead letter of a refused record. */
export interface Refused {
  readonly n: number
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly recordedAt: Date
  readonly key: Buffer
  readonly headers: Buffer
}

/** A database with the framework's tables, a broker and a table of counters; ends with its block. */
export class RelayStage implements AsyncDisposable {
  readonly database: Database
  readonly url: string
  readonly broker: PostgresBroker
  readonly #ends: (() => Promise<unknown>)[] = []

  private constructor(url: string, drop: () => Promise<void>) {
    this.url = url
    this.#ends.push(drop)
    this.database = this.connect('writers')
    this.broker = createPostgresBroker({ database: this.database })
  }

  static async create(): Promise<RelayStage> {
    const { url, drop } = await createAppDatabase([])
    const stage = new RelayStage(url, drop)
    await stage.broker.start()
    stage.#ends.push(() => stage.broker.stop())
    await stage.maintainSlices()
    await stage.database.query('CREATE TABLE counter (key text PRIMARY KEY, n int NOT NULL DEFAULT 0)')
    return stage
  }

  /** Connects as another process would. */
  connect(applicationName: string): Database {
    const database = createPostgresDatabase({
      url: this.url,
      applicationName,
      poolSize: 10,
      idleInTransactionTimeout: '60s',
    })
    this.#ends.push(() => database.stop())
    return database
  }

  /** A lane, and a topic of its name. */
  async lane(name: string, partitions = 3): Promise<TestLane> {
    await this.broker.ensureTopics([{ name, partitions }])
    return { name, topic: counterTopic(name), log: this.logOf(name, this.broker) }
  }

  /** Another topic of a lane. */
  async topicOf(lane: TestLane, name: string): Promise<TestLane> {
    return { ...(await this.lane(`${lane.name}.${name}`)), name: lane.name }
  }

  /** A broker as the log of a lane. */
  logOf(name: string, broker: PostgresBroker): TransactionalLog {
    return {
      name,
      appendIn: (transaction, records) => broker.appendIn(transaction, records),
    }
  }

  /** A relay that has started; stopped with the stage at the latest. */
  async relay(lane: TestLane, options: Partial<RelayOptions> = {}): Promise<Relay> {
    const relay = new Relay({
      database: this.database,
      lane: transactionalLane(lane.log),
      logger: silentLogger,
      candidacyMs: 20,
      ...options,
    })
    await relay.start()
    this.#ends.push(() => relay.stop())
    return relay
  }

  /** A lane's stored position, and where its row lies: every update moves it. */
  async storedPosition({ name }: TestLane): Promise<unknown> {
    const { rows } = await this.database.query('SELECT ctid, * FROM millrace.relay WHERE lane = $1', [name])
    return rows[0]
  }

  async maintainSlices(): Promise<void> {
    await this.database.maintainSlices(outboxSlices(this.database))
  }

  /** A slice of the outbox that ended hours ago, and a time in it. */
  async oldSlice(hoursAgo: number): Promise<{ name: string; time: Date }> {
    const hour = 3_600_000
    const start = new Date((Math.floor(Date.now() / hour) - hoursAgo) * hour)
    const name = `millrace.outbox_${start.getTime() / 1_000}`
    const end = new Date(start.getTime() + hour)
    await this.database.query(
      `CREATE TABLE ${name} PARTITION OF millrace.outbox FOR VALUES FROM ('${start.toISOString()}') TO ('${end.toISOString()}')`,
    )
    return { name, time: start }
  }

  /** The outbox's slices. */
  async slices(): Promise<{ name: string; pending: boolean }[]> {
    const { rows } = await this.database.query<{ name: string; pending: boolean }>(
      `SELECT 'millrace.' || relname AS name, inhdetachpending AS pending
         FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'millrace.outbox'::regclass`,
    )
    return rows
  }

  /** The values of a lane's topic that are parked, in order. */
  async parked({ name, topic }: TestLane): Promise<number[]> {
    const { rows } = await this.database.query<{ value: Buffer }>(
      'SELECT value FROM millrace.outbox_parked WHERE lane = $1 AND topic = $2 ORDER BY seq',
      [name, topic.name],
    )
    return rows.map(({ value }) => counted.parse(JSON.parse(value.toString())).n)
  }

  /** The dead letters of a lane's topic that no consumer has made, in order. */
  async refused({ topic }: TestLane): Promise<Refused[]> {
    const { rows } = await this.database.query<Refused & { value: Buffer }>(
      `SELECT code, reason, attempts, recorded_at AS "recordedAt", key, value, headers FROM millrace.dead_letter
        WHERE topic = $1 AND consumer_id IS NULL ORDER BY id`,
      [topic.name],
    )
    return rows.map((row) => ({ ...row, n: counted.parse(JSON.parse(row.value.toString())).n }))
  }

  /** Everything in the log of a lane's topic. */
  async logged({ topic }: TestLane): Promise<Logged[]> {
    const { rows } = await this.database.query<{ partition: number; value: Buffer }>(
      `SELECT partition, value FROM millrace.log WHERE starts_with(convert_from(key, 'UTF8'), $1) ORDER BY partition, "offset"`,
      [`${topic.name}/`],
    )
    return rows.map(({ partition, value }) => ({ partition, ...counted.parse(JSON.parse(value.toString())) }))
  }

  /** Resolves when so many records of a lane's topic are in the log. */
  async untilLogged({ topic }: TestLane, count: number): Promise<void> {
    await until(`${count} records of ${topic.name} in the log`, async () => {
      const ranges = await this.broker.ranges(topic.name)
      return ranges.reduce((sum, { end }) => sum + end, 0) >= count
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end()
  }
}

/** Looks again and again until it is so; fails after 10 seconds. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Runs a unit of work as an app does, up to and including the outbox; the caller's transaction goes on. */
export async function publishIn(
  transaction: Transaction,
  { name: lane }: TestLane,
  database: Database,
  work: (unit: Unit) => Promise<void>,
): Promise<void> {
  const unit = new UnitOfWork(transaction, {
    bind: (connection) => connection,
    encode: (event, cause) =>
      encodeEvent(event, { source: '/test/relay', clock: systemClock, maxBytes: 10_000_000, cause }),
    encodePush: (channel) => {
      throw fail('CHANNEL_UNKNOWN', { channel: channel.name })
    },
    faultOf: (error) => database.faultOf(error),
  })
  await unit.run(work)
  writeOutbox(
    transaction,
    unit.records.map((record) => ({ lane, record })),
  )
}

/** A database that behaves like another but for what is given. */
export function databaseLike(database: Database, changes: Partial<Database>): Database {
  return {
    query: (statement, values) => database.query(statement, values),
    on: (share) => database.on(share),
    transaction: (work, options) => database.transaction(work, options),
    tryLock: (name) => database.tryLock(name),
    listen: (channel, onNotify) => database.listen(channel, onNotify),
    notify: (channel) => database.notify(channel),
    usage: database.usage,
    faultOf: (error) => database.faultOf(error),
    maintainSlices: (table) => database.maintainSlices(table),
    stop: () => database.stop(),
    ...changes,
  }
}

/** A database on which everybody gets every lock: as one sees it who was stopped and resumed after another took over. */
export function withoutLocks(database: Database): Database {
  const lease: Lease = { lost: new AbortController().signal, release: async () => {} }
  return databaseLike(database, { tryLock: async () => lease })
}

/** Publishes values of a key in a unit of work of their own. */
export async function publish(
  database: Database,
  lane: TestLane,
  data: readonly z.input<typeof counted>[],
): Promise<void> {
  await database.transaction((transaction) =>
    publishIn(transaction, lane, database, async (unit) =>
      unit.publish(...data.map((one) => lane.topic.events.Counted(one))),
    ),
  )
}

/** How many values of a key to take. */
export interface Counting {
  readonly key: string
  readonly times: number
  readonly padding?: string
}

/** Takes the next values of a key under its row lock, and publishes them. */
export async function count(unit: Unit, { topic }: TestLane, { key, times, padding }: Counting): Promise<void> {
  const db = unit.db as Queryable
  const { rows } = await db.query<{ n: number }>('SELECT n FROM counter WHERE key = $1 FOR UPDATE', [key])
  const before = rows[0]?.n ?? 0
  await db.query('UPDATE counter SET n = n + $2 WHERE key = $1', [key, times])
  for (let n = before + 1; n <= before + times; n += 1) unit.publish(topic.events.Counted({ key, n, padding }))
}

/** A logger that keeps what is said: the level, and the first word or two of the details. */
export function rememberingLogger(): { readonly logger: Logger; readonly said: string[] } {
  const said: string[] = []
  const child = (context: object): Logger => {
    const say = (level: string) => (details: object, message: string) => {
      const { topic, code } = { ...context, ...details } as { topic?: string; code?: string }
      said.push([level, topic, code, message].filter(Boolean).join(' '))
    }
    const levels = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
    return { ...levels, child: (details) => child({ ...context, ...details }) }
  }
  return { logger: child({}), said }
}
