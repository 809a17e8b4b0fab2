import { forUsers, type Millrace, type RouteServer } from 'millrace'
import * as z from 'zod'
import { existing } from '../../existing.ts'
import { readLive } from '../../live-reads.ts'
import type { TaskCommands } from './commands.ts'
import { asTask, findTask, listTasks, type TaskFilter } from './store.ts'
import { instant, priorities, task, taskChange, taskId, taskPage, wholeTask } from './task.ts'

const params = z.object({ id: taskId })

const schemas = {
  list: {
    summary: 'List your tasks, the latest first',
    querystring: z.strictObject({
      completed: z.enum(['true', 'false']).optional(),
      priority: z.enum(priorities).optional(),
      due_before: instant.optional(),
      due_after: instant.optional().describe('From this time on'),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      after: z
        .string()
        .regex(/^\d{1,15}$/, 'must be the `next` of a page')
        .optional()
        .describe('The `next` of the page before'),
    }),
    response: { 200: taskPage },
  },
  create: { summary: 'Create a task', body: wholeTask, response: { 201: task } },
  read: { summary: 'Get a task', params, response: { 200: task } },
  replace: {
    summary: 'Replace a task',
    description: 'What is left out has its default.',
    params,
    body: wholeTask,
    response: { 200: task },
  },
  change: {
    summary: 'Change a task',
    description: 'What is left out stays.',
    params,
    body: taskChange,
    response: { 200: task },
  },
  remove: { summary: 'Delete a task', params, response: { 204: z.undefined() } },
  complete: {
    summary: 'Complete a task',
    description: 'One that is completed stays as it is.',
    params,
    response: { 200: task },
  },
}

/** The routes of tasks; each user has their own. */
export function addTaskRoutes(route: RouteServer, millrace: Millrace, commands: TaskCommands): void {
  forUsers(route, (route) => {
    addReads(route, millrace)
    addWrites(route, millrace, commands)
  })
}

function addReads(route: RouteServer, millrace: Millrace): void {
  route.get('/tasks', { schema: schemas.list }, async ({ user, query: { completed, after, limit, ...query } }) => {
    const filter: TaskFilter = {
      ...query,
      completed: completed && completed === 'true',
      after: after === undefined ? undefined : Number(after),
      limit: limit + 1,
    }
    const { data: found, at } = await readLive(millrace, (db) => listTasks(db, user.id, filter))
    const page = found.slice(0, limit)
    return { items: page.map(asTask), next: found.length > limit ? `${page.at(-1)?.number}` : null, at }
  })

  route.get('/tasks/:id', { schema: schemas.read }, async ({ user, params: { id } }) =>
    asTask(existing(await findTask(millrace.db, id, user.id), 'task', id)),
  )
}

function addWrites(route: RouteServer, millrace: Millrace, commands: TaskCommands): void {
  route.post('/tasks', { schema: schemas.create }, async ({ user, body }, reply) => {
    const created = await millrace.transaction((unit) => commands.create(unit, user.id, body))
    return reply.code(201).header('location', `${route.prefix}/tasks/${created.id}`).send(asTask(created))
  })

  for (const [method, schema] of [['PUT', schemas.replace] as const, ['PATCH', schemas.change] as const]) {
    route.route({
      method,
      url: '/tasks/:id',
      schema,
      handler: async ({ user, params: { id }, body }) =>
        asTask(await millrace.transaction((unit) => commands.change(unit, { id, userId: user.id }, body))),
    })
  }

  route.post('/tasks/:id/complete', { schema: schemas.complete }, async ({ user, params: { id } }) =>
    asTask(await millrace.transaction((unit) => commands.complete(unit, { id, userId: user.id }))),
  )

  route.delete('/tasks/:id', { schema: schemas.remove }, async ({ user, params: { id } }, reply) => {
    await millrace.transaction((unit) => commands.remove(unit, { id, userId: user.id }))
    return reply.code(204).send()
  })
}
