import * as z from 'zod'
import { defineConsumer, defineModule, defineRoutes, defineTopic, type Module, type Unit } from '../../src/index.ts'

/** The n-th mark of a key. */
export const mark = z.object({ key: z.string(), n: z.int() })

/** Marks that are published at once. */
export const directMarks = defineTopic('spine.direct', {
  key: (event) => event.data.key,
  publish: 'direct',
  events: { Marked: mark },
})

/** Marks that are published from units of work. */
export const outboxMarks = defineTopic('spine.outbox', { key: (event) => event.data.key, events: { Marked: mark } })

/** What the handler of each mark publishes. */
export const echoes = defineTopic('spine.echoes', {
  key: (event) => `${event.data.stream} ${event.data.key}`,
  events: { Echoed: mark.extend({ stream: z.string() }) },
})

const { Echoed } = echoes.events

/** How slow handlers are. */
export interface Pace {
  /** Each so-manieth record of the process … */
  readonly every: number
  /** … takes so long in the database. */
  readonly ms: number
}

/**
 * A module in which every event leaves a row that shows: marks come by two ways, their handler writes a row and publishes
 * an echo, and the echoes' batch handler writes rows again.
 *
 * @param onEchoes told of echoes whose rows have been committed
 * @param onMark told of each mark while it is handled
 */
export function spine(
  pace: Pace = { every: 0, ms: 0 },
  onEchoes: (count: number) => void = () => {},
  onMark: (marked: z.infer<typeof mark>) => void = () => {},
): Module {
  const slowDown = slowness(pace)
  const marks = defineConsumer({
    name: 'marks',
    topic: [directMarks, outboxMarks],
    on: {
      Marked: async ({ topic, replay, data: { key, n } }, unit) => {
        const as = replay === undefined ? 'marks' : 'replays'
        await unit.db.query({ name: 'spine_effect', text: insertEffect, values: [as, topic, key, n] })
        await slowDown(unit)
        onMark({ key, n })
        unit.publish(Echoed({ stream: topic, key, n }))
      },
    },
  })
  const echo = defineConsumer({
    name: 'echoes',
    topic: echoes,
    batch: {
      handle: async (events, unit) => {
        const data = events.map((event) => event.data)
        await unit.db.query(insertEffects, [
          data.map(({ stream }) => stream),
          data.map(({ key }) => key),
          data.map(({ n }) => n),
        ])
        unit.afterCommit(() => onEchoes(events.length))
      },
    },
  })
  return defineModule({
    name: 'spine',
    topics: [directMarks, outboxMarks, echoes],
    consumers: [marks, echo],
    routes,
    migrations: new URL('./migrations/', import.meta.url),
  })
}

const insertEffect = 'INSERT INTO spine.effect (consumer, stream, key, n) VALUES ($1, $2, $3, $4)'
const insertEffects = `
  INSERT INTO spine.effect (consumer, stream, key, n)
  SELECT 'echoes', stream, key, n
    FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS given (stream, key, n, place) ORDER BY place`
const insertAccepted = "INSERT INTO spine.accepted (stream, key, n) VALUES ('spine.outbox', $1, $2)"

/** `POST /spine/direct` and `POST /spine/outbox`: what is answered with 201 is acknowledged. */
const routes = defineRoutes((route, millrace) => {
  const schema = { body: mark, response: { 201: mark } }
  route.post('/direct', { schema }, async ({ body }, reply) => {
    await millrace.publish(directMarks.events.Marked(body))
    return reply.code(201).send(body)
  })
  route.post('/outbox', { schema }, async ({ body }, reply) => {
    await millrace.transaction(async (unit) => {
      await unit.db.query(insertAccepted, [body.key, body.n])
      unit.publish(outboxMarks.events.Marked(body))
    })
    return reply.code(201).send(body)
  })
})

function slowness({ every, ms }: Pace): (unit: Unit) => Promise<void> {
  let handled = 0
  return async (unit) => {
    handled += 1
    if (every > 0 && handled % every === 0) await unit.db.query('SELECT pg_sleep($1)', [ms / 1_000])
  }
}
