import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { createBenchApp } from '../parts/bench-app.ts'
import { startTodosByHand } from '../parts/by-hand/todos-route.ts'
import type { HttpLoadOrder } from '../parts/http-load.ts'
import { Thread } from '../parts/in-thread.ts'
import { countRecords, createTopic, kafkaOf } from '../parts/kafka.ts'
import { todosModule, todosTopic } from '../parts/todos.ts'

const connections = 32
const body = JSON.stringify({ content: 'Buy tea, milk, and a new kettle: the old one has a leak' })

/** A route that publishes. */
export const publishHttp: BenchCase = {
  name: 'publish-http',
  question: `How fast is a route that answers when Kafka has the event, over ${connections} connections, against Fastify and kafkajs by hand?`,
  needs: 'kafka',
  records: 50_000,
  prepare: async () => {},
  metrics: [
    { name: 'rate', unit: 'requests/s' },
    { name: 'p50', unit: 'ms' },
    { name: 'p99', unit: 'ms' },
  ],
  ratios: [
    { metric: 'rate', atLeast: 1.3 },
    { metric: 'p99', atMost: 1 },
  ],
  sides: {
    millrace: { isMillrace: true, run: measureMillrace },
    'by hand': { run: measureByHand },
  },
}

async function measureMillrace(round: Round): Promise<Result> {
  const app = createBenchApp(round, todosModule(todosTopic(round)), { roles: ['api'] })
  await app.start()
  try {
    return await load(round, `${app.url}/todos/`)
  } finally {
    await app.stop()
  }
}

async function measureByHand(round: Round): Promise<Result> {
  const { bootstrap } = kafkaOf(round)
  const { name } = todosTopic(round)
  await createTopic(bootstrap, name)
  const server = await startTodosByHand(bootstrap, name)
  try {
    return await load(round, `${server.listeningOrigin}/todos/`)
  } finally {
    await server.close()
  }
}

/** Every request that was answered must be in the topic. */
async function load(round: Round, url: string): Promise<Result> {
  const order = { url, body, requests: round.records, connections }
  const result = await new Thread<Result>('./http-load.ts', order satisfies HttpLoadOrder).answer()
  const written = await countRecords(kafkaOf(round).bootstrap, todosTopic(round).name)
  if (written < round.records) throw new Error(`of ${round.records} todos ${written} are in the topic`)
  return result
}
