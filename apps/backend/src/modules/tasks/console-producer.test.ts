import { type KafkaCluster, runKafkaTool, startKafka } from '@millrace/tools/kafka'
import { createJwtTokens } from 'millrace/jwt'
import { createTestDatabase } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { compose } from '../../compose.ts'
import { readConfig } from '../../config.ts'
import { Listener, type Message } from '../../listener.fixture.ts'
import type { Task } from './task.ts'

const timeout = 60_000
const soon = { timeout: 20_000 }
const secret = 'a secret of thirty-two bytes or more'
const tokens = createJwtTokens({ secret, issuer: 'millrace', audience: 'millrace', lifetime: '15m' })

/** The app as the environment has it, on a Kafka and a database of its own; ends with the test. */
async function startApp(kafka: KafkaCluster) {
  const database = await createTestDatabase()
  const own = { DATABASE_URL: database.url, PORT: '0', MODULES: 'tasks', LOG_LEVEL: 'silent', JWT_SECRET: secret }
  const app = await compose(readConfig({ ...own, KAFKA_BROKERS: kafka.bootstrap }))
  onTestFinished(async () => {
    await app.stop()
    await database.drop()
  })
  await app.start()
  return app
}

/** A user, by his token alone: his browser, and his tasks as the API has them. */
async function visit(url: string, userId: string) {
  const { token } = await tokens.issue(userId)
  const tasks = async () => {
    const answer = await fetch(`${url}/api/tasks`, { headers: { authorization: `Bearer ${token}` } })
    const { items } = (await answer.json()) as { readonly items: Task[] }
    return new Map(items.map((task) => [task.id, task]))
  }
  return { browser: await Listener.open({ url }, { channel: 'tasks', token }), tasks }
}

/** What a task’s messages told, in order: what happened, and something of the task after it. */
function storyOf(messages: readonly Message[], id: string) {
  return messages
    .filter(({ data }) => data.id === id)
    .map(({ type, data: { version, title, priority, completed } }) => [type, version, title, priority, completed])
}

/** A line of the tool: the record’s key, and its value. */
type Line = readonly [key: string, value: object | string]

test('Kafka’s own console producer writes tasks in every accepted shape: into the rows, the API, and the browser, once', {
  timeout,
}, async () => {
  await using kafka = await startKafka()
  const app = await startApp(kafka)
  const ann = await visit(app.url, 'ann')
  using browser = ann.browser
  const seven = await visit(app.url, '7')
  using browserOfSeven = seven.browser

  const whole = {
    title: 'whole',
    user_id: 'ann',
    description: 'd',
    priority: 'high',
    due_date: '2030-01-31T12:00:00+02:00',
  }
  const lines: Line[] = [
    ['a', { event_type: 'task_created', data: { id: 'a', ...whole } }],
    ['b', { type: 'task_created', data: { id: 'b', title: 'of the least', user_id: 'ann' } }],
    [
      'c',
      { event_type: 'task_created', id: 'c', title: 'at the top', user_id: 'ann', due_date: '2030-01-31 12:00:00' },
    ],
    ['d', { type: 'task_created', id: 'd', title: 'by type', user_id: 'ann', priority: null, due_date: '2030-01-31' }],
    [
      '123',
      { event_type: 'task_created', data: { id: 123, title: 'numbered', user_id: 7, due_date: '2030-01-31T12:00:00' } },
    ],
    ['NULL', { type: 'task_created', data: { id: 'keyless', title: 'keyless', user_id: 'ann', created_by: 'them' } }],
    ['x', 'this is no JSON'],
    ['x', { event_type: 'task_created', data: { id: 'x', title: 'whose?' } }],
    ['x', { event_type: 'task_painted', data: { id: 'x' } }],
    ['a', { type: 'task_updated', id: 'a', title: 'renamed' }],
    ['a', { event_type: 'task_priority_changed', data: { id: 'a', priority: 'low' } }],
    ['a', { type: 'task_due_soon', data: { id: 'a' } }],
    ['a', { event_type: 'task_completed', id: 'a', title: 'x', completed: true, completed_at: '2029-01-31T12:00:00' }],
    ['b', { type: 'task_deleted', data: { id: 'b' } }],
    ['b', { event_type: 'task_created', data: { id: 'b', title: 'again', user_id: 'ann' } }],
    ['123', { type: 'task_completed', data: { id: 123 } }],
    ['last', { type: 'task_created', data: { id: 'last', title: 'last', user_id: 'ann' } }],
  ]
  const input = lines
    .map(([key, value]) => `${key}\t${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
    .join('')
  const properties = ['parse.key=true', 'null.marker=NULL'].flatMap((property) => ['--reader-property', property])
  await runKafkaTool(kafka, 'console-producer', ['--topic', 'task-events', ...properties], { input })

  const expected = {
    a: { title: 'renamed', description: 'd', priority: 'low', due_date: '2030-01-31T10:00:00.000Z', completed: true },
    c: { title: 'at the top', description: null, priority: 'medium', due_date: '2030-01-31T12:00:00.000Z' },
    d: { title: 'by type', priority: 'medium', due_date: '2030-01-31T00:00:00.000Z', completed_at: null },
    keyless: { title: 'keyless', user_id: 'ann' },
    last: { title: 'last' },
  }
  await expect.poll(async () => [...(await ann.tasks()).keys()].sort(), soon).toEqual(Object.keys(expected).sort())
  await expect.poll(async () => (await seven.tasks()).get('123')?.completed, soon).toBe(true)
  await expect.poll(async () => (await ann.tasks()).get('a')?.completed, soon).toBe(true)
  const rows = await ann.tasks()
  for (const [id, task] of Object.entries(expected)) expect(rows.get(id)).toMatchObject({ id, ...task })
  expect(rows.get('a')?.completed_at).toBe('2029-01-31T12:00:00.000Z')
  expect((await seven.tasks()).get('123')).toMatchObject({ user_id: '7', due_date: '2030-01-31T12:00:00.000Z' })

  await expect.poll(() => browser.messages.length, soon).toBeGreaterThanOrEqual(11)
  await expect.poll(() => browserOfSeven.messages.length, soon).toBeGreaterThanOrEqual(2)
  expect(storyOf(browser.messages, 'a')).toEqual([
    ['task_created', 1, 'whole', 'high', false],
    ['task_updated', 2, 'renamed', 'high', false],
    ['task_priority_changed', 3, 'renamed', 'low', false],
    ['task_due_soon', 3, 'renamed', 'low', false],
    ['task_completed', 4, 'renamed', 'low', true],
  ])
  expect(storyOf(browser.messages, 'b')).toEqual([
    ['task_created', 1, 'of the least', 'medium', false],
    ['task_deleted', 2, undefined, undefined, undefined],
  ])
  expect(browser.messages).toHaveLength(11)
  expect(browserOfSeven.messages.map(({ type, data }) => [type, data.id])).toEqual([
    ['task_created', '123'],
    ['task_completed', '123'],
  ])
  for (const { type, data } of browser.messages) {
    if (type !== 'task_deleted' && data.version === rows.get(data.id)?.version) expect(data).toEqual(rows.get(data.id))
  }
  const metrics = async () => (await fetch(`${app.url}/metrics`)).text()
  await expect.poll(metrics, soon).toMatch(/^millrace_records_dead_total\{consumer="tasks"\} 3$/m)
})
