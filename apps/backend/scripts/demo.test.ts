import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { freePort } from '@millrace/tools/kafka'
import { createTestDatabase } from 'millrace/testing'
import { expect, test } from 'vitest'
import { startTasks } from '../src/modules/tasks/tasks.fixture.ts'
import { runScript, saidBy, startScript } from '../src/process.fixture.ts'
import { dataFolder } from './data-folder.fixture.ts'
import { demo } from './tasks/demo.ts'

const timeout = 60_000

const arrived = [
  ...[/ms {2}the API answers: 201/, /ms {2}the topic has its event: partition \d, offset 0/],
  ...[/ms {2}the topic has it: partition \d, offset \d/, /ms {2}the API has it/, /\nEverything arrived, once.\n$/],
]

test('shows both flows on an app of its own, and leaves nothing behind', { timeout }, async () => {
  const TMPDIR = dirname(await dataFolder())
  const { status, said, complained } = await runScript('tasks-demo', [], { TMPDIR })
  expect({ status, complained }).toEqual({ status: 0, complained: '' })
  for (const line of arrived) expect(said).toMatch(line)
  expect(said.match(/ms {2}PostgreSQL has the row/g)).toHaveLength(2)
  expect(said.match(/ms {2}the browser is told task_created/g)).toHaveLength(2)
  expect(await readdir(TMPDIR)).toEqual([])
})

test('ends its app when it is interrupted, and leaves nothing behind', { timeout }, async () => {
  const TMPDIR = dirname(await dataFolder())
  const child = startScript('tasks-demo', ['--wait', '1m'], { TMPDIR, CONSUMERS_PAUSED: 'tasks' })
  await saidBy(child, /A task is created by the API/)
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
  expect(await readdir(TMPDIR)).toEqual([])
})

test('shows them on a running app, and removes its tasks', { timeout }, async () => {
  await using t = await startTasks()
  const { status, said } = await runScript('tasks-demo', ['--url', t.url], { DATABASE_URL: t.databaseUrl })
  expect(status).toBe(0)
  for (const line of arrived) expect(said).toMatch(line)
  const { rows } = await t.database.query('SELECT title FROM tasks.task WHERE deleted_at IS NULL')
  expect(rows).toEqual([])
})

test('fails where something does not arrive, and shows what', { timeout }, async () => {
  await using database = await createTestDatabase()
  const paused = { DATABASE_URL: database.url, CONSUMERS_PAUSED: 'tasks', MODULES: 'tasks' }
  const { status, said } = await runScript('tasks-demo', ['--wait', '500ms'], paused)
  expect(status).toBe(1)
  expect(said).toMatch(/\d ms {2}the topic has it/)
  for (const what of ['the browser is told task_created', 'PostgreSQL has the row', 'the API has it'])
    expect(said).toContain(`never  ${what}`)
  expect(said).toMatch(/\n3 of these did not arrive within 500 ms.\n$/)
})

test.each([
  ['its app has no tasks', { MODULES: 'todos' }, /^Nobody registers at /],
  ['its app does not start', { ROLES: 'y' }, /^The app has ended before it served:\n.*\n- ROLES is "y"/],
])('says so where %s', { timeout }, async (_what, environment, message) => {
  await using database = await createTestDatabase()
  const { status, complained } = await runScript('tasks-demo', [], { DATABASE_URL: database.url, ...environment })
  expect([status, complained]).toEqual([2, expect.stringMatching(message)])
})

test('says so where there is no app at the address, or it is none', async () => {
  await using database = await createTestDatabase()
  const nobody = `http://127.0.0.1:${await freePort()}`
  const asked = demo(['--url', nobody], { DATABASE_URL: database.url })
  await expect(asked).rejects.toThrow(/There is no app at .*ECONNREFUSED.*\nStart one/)
  await expect(demo(['--url', 'here'], {})).rejects.toThrow(/^--url is "here"/)
  await expect(demo(['--wait', 'long'], {})).rejects.toThrow(/^--wait is "long"/)
})
