import type { RouteServer } from '../routes.ts'
import {
  type ConsumerPage,
  type ConsumerQuery,
  type ConsumerSwitched,
  consumerPage,
  consumerParams,
  consumerQuery,
  consumerSwitched,
  type SwitchCommand,
  switchRequest,
} from './consumer-schemas.ts'
import {
  type DeadLetterAnswer,
  type DeadLetterCommand,
  type DeadLetterOutcome,
  type DeadLetterPage,
  type DeadLetterQuery,
  deadLetterDetails,
  deadLetterOutcome,
  deadLetterPage,
  deadLetterParams,
  deadLetterQuery,
  deadLetterRequest,
  redriveRequest,
} from './dead-letter-schemas.ts'
import { addReplayRoutes, type ReplaySource } from './replay-routes.ts'
import { addTimeRoutes, type TimeSource } from './time-routes.ts'
import { requireToken } from './token.ts'

/** Where the operators' routes get their answers, and what they do. */
export interface AdminSource extends ReplaySource, TimeSource {
  deadLetters(query: DeadLetterQuery): Promise<DeadLetterPage>
  /** @throws DEAD_LETTER_UNKNOWN */
  deadLetter(id: string): Promise<DeadLetterAnswer>
  redrive(command: DeadLetterCommand): Promise<DeadLetterOutcome>
  discard(command: DeadLetterCommand): Promise<DeadLetterOutcome>
  consumers(query: ConsumerQuery): Promise<ConsumerPage>
  /** @throws CONSUMER_UNKNOWN */
  switchConsumer(name: string, state: 'running' | 'paused', command: SwitchCommand): Promise<ConsumerSwitched>
}

const common = { tags: ['admin'], security: [{ adminToken: [] }] }

/** Adds the operators' routes, for who bears the token. */
export function addAdminRoutes(server: RouteServer, source: AdminSource, token: string | undefined): void {
  requireToken(server, token)
  server.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  addDeadLetterRoutes(server, source)
  addConsumerRoutes(server, source)
  addReplayRoutes(server, source)
  addTimeRoutes(server, source)
}

function addDeadLetterRoutes(server: RouteServer, source: AdminSource): void {
  server.get(
    '/dead-letters',
    {
      schema: {
        ...common,
        summary: 'Dead letters, oldest first',
        querystring: deadLetterQuery,
        response: { 200: deadLetterPage },
      },
    },
    (request) => source.deadLetters(request.query),
  )
  server.get(
    '/dead-letters/:id',
    {
      schema: {
        ...common,
        summary: 'One dead letter, whole',
        params: deadLetterParams,
        response: { 200: deadLetterDetails },
      },
    },
    (request) => source.deadLetter(request.params.id),
  )
  const outcome = { 200: deadLetterOutcome }
  server.post(
    '/dead-letters/redrive',
    { schema: { ...common, summary: 'Have dead letters handled again', body: redriveRequest, response: outcome } },
    (request) => source.redrive(request.body),
  )
  server.post(
    '/dead-letters/discard',
    {
      schema: {
        ...common,
        summary: 'Delete dead letters; what waits for them goes on',
        body: deadLetterRequest,
        response: outcome,
      },
    },
    (request) => source.discard(request.body),
  )
}

function addConsumerRoutes(server: RouteServer, source: AdminSource): void {
  server.get(
    '/consumers',
    {
      schema: {
        ...common,
        summary: 'Consumers and how far they are',
        querystring: consumerQuery,
        response: { 200: consumerPage },
      },
    },
    (request) => source.consumers(request.query),
  )
  const schema = { ...common, params: consumerParams, body: switchRequest, response: { 200: consumerSwitched } }
  server.post(
    '/consumers/:name/pause',
    { schema: { ...schema, summary: 'Switch a consumer off, in all processes and over restarts' } },
    (request) => source.switchConsumer(request.params.name, 'paused', request.body ?? {}),
  )
  server.post('/consumers/:name/resume', { schema: { ...schema, summary: 'Switch a consumer on again' } }, (request) =>
    source.switchConsumer(request.params.name, 'running', request.body ?? {}),
  )
}
