import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { defineConsumer, defineModule, defineRoutes, defineTopic } from 'millrace'
import * as z from 'zod'
import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { createBenchApp } from '../parts/bench-app.ts'
import type { LoadAnswer, LoadOrder } from '../parts/latency-load.ts'
import { withClient } from '../parts/payments.ts'

const requestsPerSecond = 200

const seen = z.object({ n: z.int() })
const directTopic = defineTopic('bench.direct', { events: { SeenDirect: seen }, key: keyOf, publish: 'direct' })
const outboxTopic = defineTopic('bench.outbox', { events: { SeenOutbox: seen }, key: keyOf })

const insert = { name: 'insert_seen', text: 'INSERT INTO seen (n) VALUES ($1)' }

const rows = defineModule({
  name: 'rows',
  topics: [directTopic, outboxTopic],
  consumers: [
    defineConsumer({
      name: 'insert-rows',
      topic: [directTopic, outboxTopic],
      on: {
        SeenDirect: async ({ data }, unit) => void (await unit.db.query({ ...insert, values: [data.n] })),
        SeenOutbox: async ({ data }, unit) => void (await unit.db.query({ ...insert, values: [data.n] })),
      },
    }),
  ],
  routes: defineRoutes((route, millrace) => {
    route.post('/direct', { schema: { body: seen } }, async (request, reply) => {
      await millrace.publish(directTopic.events.SeenDirect(request.body))
      return reply.code(202).send()
    })
    route.post('/outbox', { schema: { body: seen } }, async (request, reply) => {
      await millrace.transaction(async (unit) => unit.publish(outboxTopic.events.SeenOutbox(request.body)))
      return reply.code(202).send()
    })
  }),
})

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

function keyOf({ data }: { readonly data: { readonly n: number } }): string {
  return String(data.n % 100)
}

async function prepare({ url }: Round): Promise<void> {
  const app = createBenchApp(url, rows)
  await app.start()
  await app.stop()
  await withClient(url, async (client) => {
    await client.query(`
      CREATE TABLE seen (n bigint PRIMARY KEY);
      CREATE FUNCTION notify_seen() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('seen', NEW.n::text); RETURN NULL; END $$;
      CREATE TRIGGER seen AFTER INSERT ON seen FOR EACH ROW EXECUTE FUNCTION notify_seen()`)
  })
}

async function measure({ url, records }: Round, path: string): Promise<Result> {
  const app = createBenchApp(url, rows)
  await app.start()
  try {
    return await load({ databaseUrl: url, requestUrl: app.url + path, requests: records, requestsPerSecond })
  } finally {
    await app.stop()
  }
}

async function load(order: LoadOrder): Promise<Result> {
  const worker = new Worker(new URL('../parts/latency-load.ts', import.meta.url), { workerData: order })
  const [answer] = (await once(worker, 'message')) as [LoadAnswer]
  if ('error' in answer) throw new Error(answer.error)
  return answer
}
