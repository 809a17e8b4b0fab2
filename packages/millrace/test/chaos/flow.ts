import * as z from 'zod'
import {
  type Consumer,
  defineConsumer,
  defineModule,
  defineRoutes,
  defineTopic,
  exponential,
  type Millrace,
  type Module,
  type RetryPolicy,
  type Unit,
} from '../../src/index.ts'
import type { Mark } from '../faults/ledger.ts'
import { type ConsumerName, draw, failsEarly, fateOf } from './fates.ts'

const mark = z.object({ key: z.string(), n: z.int() })

/** Marks that are published at once. */
export const directMarks = defineTopic('chaos.direct', {
  key: (event) => event.data.key,
  publish: 'direct',
  events: { Marked: mark },
})

/** Marks that are published from units of work. */
export const outboxMarks = defineTopic('chaos.outbox', { key: (event) => event.data.key, events: { Marked: mark } })

/** What the handler of each mark publishes. */
export const echoes = defineTopic('chaos.echoes', {
  key: (event) => `${event.data.stream} ${event.data.key}`,
  events: { Echoed: mark.extend({ stream: z.string() }) },
})

/** Short, so that a run comes to its end. */
const retry: RetryPolicy = { attempts: 4, backoff: exponential({ first: '100ms', cap: '500ms' }) }
/** Some handlers take their time, so that faults find transactions open. */
const slowOneIn = 100
const slowMs = 30

/**
 * Every way of the framework in one flow, whose every effect is a row: marks come directly and from units of work; their
 * consumer prepares, writes a row and publishes an echo; echoes go to a consumer of single events and to one of batches.
 *
 * @param seed decides which marks fail, and how
 */
export function flow(seed: number): Module {
  return defineModule({
    name: 'chaos',
    topics: [directMarks, outboxMarks, echoes],
    consumers: (millrace) => consumersOf(new Handling(seed, millrace)),
    routes,
    migrations: new URL('./migrations/', import.meta.url),
  })
}

function consumersOf(handling: Handling): Consumer[] {
  const marks = defineConsumer({
    name: 'marks',
    topic: [directMarks, outboxMarks],
    retry,
    prepare: {
      Marked: async ({ topic, data }) => {
        await handling.prepare({ stream: topic, ...data })
        return nameOf(data)
      },
    },
    on: {
      Marked: async ({ topic, data }, unit, prepared) => {
        if (prepared !== nameOf(data)) throw new Error(`prepared for ${prepared}, and not for ${nameOf(data)}`)
        await handling.handle('marks', [{ stream: topic, ...data }], unit)
        unit.publish(echoes.events.Echoed({ stream: topic, ...data }))
      },
    },
  })
  const single = defineConsumer({
    name: 'echoes',
    topic: echoes,
    retry,
    on: { Echoed: ({ data }, unit) => handling.handle('echoes', [data], unit) },
  })
  const batches = defineConsumer({
    name: 'batches',
    topic: echoes,
    retry,
    batch: {
      size: 100,
      handle: (events, unit) =>
        handling.handle(
          'batches',
          events.map(({ data }) => data),
          unit,
        ),
    },
  })
  return [marks, single, batches]
}

function nameOf({ key, n }: { readonly key: string; readonly n: number }): string {
  return `${key} ${n}`
}

const insertEffects = `
  INSERT INTO chaos.effect (consumer, stream, key, n)
  SELECT $1, stream, key, n
    FROM unnest($2::text[], $3::text[], $4::int[]) WITH ORDINALITY AS given (stream, key, n, place) ORDER BY place`
const noteAttempt = `
  WITH noted AS (INSERT INTO chaos.attempt (consumer, stream, key, n) VALUES ($1, $2, $3, $4))
  SELECT (SELECT count(*)::int FROM chaos.attempt WHERE consumer = $1 AND stream = $2 AND key = $3 AND n = $4) AS before,
         EXISTS (SELECT FROM chaos.mended) AS mended`
const failuresOfFlaky = 2

/** What handlers do: they write rows, and fail where they are to. */
class Handling {
  readonly #seed: number
  readonly #millrace: Millrace

  constructor(seed: number, millrace: Millrace) {
    this.#seed = seed
    this.#millrace = millrace
  }

  async prepare(mark: Mark): Promise<void> {
    if (failsEarly(this.#seed, mark)) await this.#failPerhaps('marks', mark)
  }

  async handle(consumer: ConsumerName, marks: readonly Mark[], unit: Unit): Promise<void> {
    await unit.db.query({
      name: 'chaos_effects',
      text: insertEffects,
      values: [consumer, marks.map(({ stream }) => stream), marks.map(({ key }) => key), marks.map(({ n }) => n)],
    })
    if (marks.some((mark) => draw(this.#seed, 'slow', mark) < 1 / slowOneIn)) {
      await unit.db.query('SELECT pg_sleep($1)', [slowMs / 1_000])
    }
    // After the rows: what fails has something to roll back.
    for (const mark of marks) {
      if (consumer !== 'marks' || !failsEarly(this.#seed, mark)) await this.#failPerhaps(consumer, mark)
    }
  }

  /** Attempts are counted in the database: whichever process fails a record, it is one more. */
  async #failPerhaps(consumer: ConsumerName, mark: Mark): Promise<void> {
    const fate = fateOf(this.#seed, consumer, mark)
    if (fate === 'well') return
    const { rows } = await this.#millrace.db.query<{ before: number; mended: boolean }>(noteAttempt, [
      consumer,
      mark.stream,
      mark.key,
      mark.n,
    ])
    const { before = 0, mended = false } = rows[0] ?? {}
    if (!mended && (fate === 'hopeless' || before < failuresOfFlaky)) throw new Error(`${fate}, as it is to be`)
  }
}

const accept = `INSERT INTO chaos.accepted (stream, key, n) VALUES ('chaos.outbox', $1, $2) ON CONFLICT DO NOTHING`

/**
 * `POST /chaos/direct` and `POST /chaos/outbox`: what is answered with 201 is acknowledged. Both may be asked for the same
 * mark again, when the answer was lost: the one has its event id, the other finds what was committed.
 */
const routes = defineRoutes((route, millrace) => {
  route.post('/direct', { schema: { body: mark, response: { 201: mark } } }, async ({ body }, reply) => {
    await millrace.publish(directMarks.events.Marked(body, { id: nameOf(body) }))
    return reply.code(201).send(body)
  })
  route.post('/outbox', { schema: { body: mark, response: { 201: mark } } }, async ({ body }, reply) => {
    await millrace.transaction(async (unit) => {
      const { rowCount } = await unit.db.query(accept, [body.key, body.n])
      if (rowCount === 1) unit.publish(outboxMarks.events.Marked(body))
    })
    return reply.code(201).send(body)
  })
})
