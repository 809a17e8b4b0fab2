import { defineConsumer, defineModule, defineRoutes, defineTopic, type Module } from 'millrace'
import * as z from 'zod'
import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { createBenchApp } from '../parts/bench-app.ts'
import { Thread } from '../parts/in-thread.ts'
import type { LoadOrder } from '../parts/latency-load.ts'
import { withClient } from '../parts/payments.ts'

const requestsPerSecond = 200

const seen = z.object({ n: z.int() })

const insert = { name: 'insert_seen', text: 'INSERT INTO seen (n) VALUES ($1)' }

/** From a request to the row its event becomes, on an app that is not busy. */
export const latency: BenchCase = {
  name: 'latency',
  question: `At ${requestsPerSecond} POST/s, how long does it take from a request to the row that its event becomes?`,
  records: 10 * requestsPerSecond,
  prepare,
  metrics: [
    { name: 'p50', unit: 'ms', atMost: 5 },
    { name: 'p95', unit: 'ms' },
    { name: 'p99', unit: 'ms', atMost: 50 },
  ],
  sides: {
    direct: { isMillrace: true, run: (round) => measure(round, '/rows/direct') },
    outbox: { isMillrace: true, run: (round) => measure(round, '/rows/outbox') },
  },
}

/** The same by way of Kafka. */
export const latencyKafka: BenchCase = {
  ...latency,
  name: 'latency-kafka',
  question: `${latency.question} By way of Kafka.`,
  needs: 'kafka',
}

function rowsModule({ kafka }: Round): Module {
  const prefix = kafka?.fresh ?? ''
  const direct = defineTopic(`${prefix}bench.direct`, { events: { SeenDirect: seen }, key: keyOf, publish: 'direct' })
  const outbox = defineTopic(`${prefix}bench.outbox`, { events: { SeenOutbox: seen }, key: keyOf })
  return defineModule({
    name: 'rows',
    topics: [direct, outbox],
    consumers: [
      defineConsumer({
        name: 'insert-rows',
        topic: [direct, outbox],
        on: {
          SeenDirect: async ({ data }, unit) => void (await unit.db.query({ ...insert, values: [data.n] })),
          SeenOutbox: async ({ data }, unit) => void (await unit.db.query({ ...insert, values: [data.n] })),
        },
      }),
    ],
    routes: defineRoutes((route, millrace) => {
      route.post('/direct', { schema: { body: seen } }, async (request, reply) => {
        await millrace.publish(direct.events.SeenDirect(request.body))
        return reply.code(202).send()
      })
      route.post('/outbox', { schema: { body: seen } }, async (request, reply) => {
        await millrace.transaction(async (unit) => unit.publish(outbox.events.SeenOutbox(request.body)))
        return reply.code(202).send()
      })
    }),
  })
}

function keyOf({ data }: { readonly data: { readonly n: number } }): string {
  return String(data.n % 100)
}

async function prepare(round: Round): Promise<void> {
  const app = createBenchApp(round, rowsModule(round))
  await app.start()
  await app.stop()
  await withClient(round.url, async (client) => {
    await client.query(`
      CREATE TABLE seen (n bigint PRIMARY KEY);
      CREATE FUNCTION notify_seen() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('seen', NEW.n::text); RETURN NULL; END $$;
      CREATE TRIGGER seen AFTER INSERT ON seen FOR EACH ROW EXECUTE FUNCTION notify_seen()`)
  })
}

async function measure(round: Round, path: string): Promise<Result> {
  const app = createBenchApp(round, rowsModule(round))
  await app.start()
  try {
    const order = { databaseUrl: round.url, requestUrl: app.url + path, requests: round.records, requestsPerSecond }
    return await new Thread<Result>('./latency-load.ts', order satisfies LoadOrder).answer()
  } finally {
    await app.stop()
  }
}
