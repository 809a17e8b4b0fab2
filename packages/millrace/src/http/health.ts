import * as z from 'zod'
import { messageOf } from '../core/errors.ts'
import { withoutPasswords } from '../observability/describe-error.ts'
import type { RouteServer } from './routes.ts'

const check = z.object({ ok: z.boolean(), problem: z.string().optional() })

const readinessSchema = z.object({
  ready: z.boolean(),
  checks: z
    .record(z.string(), check)
    .describe('What was looked at, by name. The process is ready without what it can do without: bus, counter'),
})

const partitionSchema = z.object({
  topic: z.string(),
  partition: z.int(),
  ok: z.boolean(),
  position: z.int().nullable().describe('The offset of the next record to handle; null until it is known'),
  end: z.int().nullable().describe('The offset the next record of the log will get; null until it is known'),
  problem: z.string().optional().describe('What is the matter where `ok` is false'),
})

const consumerSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  paused: z.boolean().describe('It was switched off by an operator: it handles nothing, and that is no fault'),
  problem: z.string().optional(),
  partitions: z.array(partitionSchema).describe('Those this process has'),
})

const timersSchema = z.object({
  ok: z.boolean(),
  lateMs: z.int().describe('How late the timers were that fired last, where more are due'),
  problem: z.string().optional(),
})

const progressSchema = z.object({
  ok: z.boolean(),
  consumers: z.array(consumerSchema),
  timers: timersSchema.optional().describe('Only where this process fires them'),
})

/** Whether this process can serve its roles, and what says so. */
export type Readiness = z.output<typeof readinessSchema>

/** How far one consumer has come in one partition. */
export type PartitionProgress = z.output<typeof partitionSchema>

/** How far one consumer of this process has come. */
export type ConsumerProgress = z.output<typeof consumerSchema>

/** How this process fires timers. */
export type TimersProgress = z.output<typeof timersSchema>

/** Whether this process's consumers move on, and its timers fire. */
export type Progress = z.output<typeof progressSchema>

/** Where the health routes get their answers. */
export interface HealthSource {
  /** A lagging or stuck partition is no reason: it must not take an HTTP replica away. */
  ready(): Promise<Readiness>
  /** `ok` is false when a partition has records to handle and has not moved for a time, or timers do not fire. */
  progress(): Promise<Progress>
}

/** Adds `GET /health/live`, `/health/ready` and `/health/progress`; the last two answer 503 when all is not well. */
export function addHealthRoutes(server: RouteServer, source: HealthSource, isStopping: () => boolean): void {
  server.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  const tags = ['health']

  server.get(
    '/live',
    { schema: { tags, summary: 'The process runs', response: { 200: z.object({ alive: z.literal(true) }) } } },
    async () => ({ alive: true as const }),
  )

  const ready = { 200: readinessSchema, 503: readinessSchema }
  server.get(
    '/ready',
    { schema: { tags, summary: 'The process can serve requests', response: ready } },
    async (_request, reply) => {
      const readiness = isStopping() ? stopping : await source.ready().catch(notReady)
      return reply.code(readiness.ready ? 200 : 503).send(readiness)
    },
  )

  const progress = { 200: progressSchema, 503: progressSchema }
  server.get(
    '/progress',
    { schema: { tags, summary: 'The process’s consumers move on', response: progress } },
    async (_request, reply) => {
      const state = await source.progress()
      return reply.code(state.ok ? 200 : 503).send(state)
    },
  )
}

const stopping: Readiness = { ready: false, checks: { process: { ok: false, problem: 'it is shutting down' } } }

function notReady(error: unknown): Readiness {
  return { ready: false, checks: { process: { ok: false, problem: withoutPasswords(messageOf(error)) } } }
}
