import { type FastifyInstance, fastify } from 'fastify'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { clientOptions } from '../kafka.ts'
import { newTodo } from '../todos.ts'

/** The route of todos as one would write it by hand: one producer for all requests, each awaits its own send. */
export async function startTodosByHand(bootstrap: string, topic: string): Promise<FastifyInstance> {
  const { clientId, bootstrapBrokers } = clientOptions(bootstrap)
  const kafka = new Kafka({ clientId, brokers: bootstrapBrokers, logLevel: logLevel.ERROR })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const server = fastify()
  let lastId = 0
  server.addHook('onReady', () => producer.connect())
  server.addHook('onClose', () => producer.disconnect())
  server.post('/todos/', async (request, reply) => {
    const { data: body, error } = newTodo.safeParse(request.body)
    if (error) return reply.code(400).send({ issues: error.issues })
    lastId += 1
    const created = { id: lastId, content: body.content }
    const messages = [{ key: String(created.id), value: JSON.stringify(created) }]
    await producer.send({ topic, acks: -1, messages })
    return created
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return server
}
