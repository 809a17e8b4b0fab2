import { create, toBinary } from '@bufbuild/protobuf'
import { type TestApp, testApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { bind } from '../../database.ts'
import { appRoutes } from '../../routes.ts'
import { TodoCreated, todos2 } from './events.ts'
import { type Todo as TodoMessage, TodoSchema } from './generated/todo_pb.ts'
import { todos } from './module.ts'
import type { Todo } from './todo.ts'

const start = () => testApp({ modules: [todos], bind, routes: appRoutes })

const list = async (t: TestApp, query = ''): Promise<Todo[]> => (await t.http.get(`/todos/${query}`)).json()

/** Produces a todo as another Protobuf program does. */
function produce(t: TestApp, todo: Partial<Pick<TodoMessage, 'id' | 'content'>>): Promise<void> {
  return t.produce({ topic: 'todos2', value: toBinary(TodoSchema, create(TodoSchema, todo)) })
}

async function deadLetters(t: TestApp): Promise<unknown[]> {
  return (await t.database.query('SELECT * FROM millrace.dead_letter')).rows
}

async function counted(t: TestApp): Promise<string | undefined> {
  const { body } = await t.http.get('/metrics')
  return /^millrace_app_todos_id_taken_total (\d+)$/m.exec(body)?.[1]
}

describe('POST /todos/', () => {
  test('answers with the todo, acknowledged, and its row follows', async () => {
    await using t = await start()
    const answer = await t.http.post('/todos/', { id: 7, content: 'tea' })
    expect([answer.statusCode, answer.json()]).toEqual([200, { id: 7, content: 'tea' }])
    expect(await t.published(TodoCreated)).toMatchObject([{ data: { id: 7, content: 'tea' }, key: '7' }])
    await t.settled()
    expect(await list(t)).toEqual([{ id: 7, content: 'tea' }])
  })

  test('takes the path without its slash, and a null id as none', async () => {
    await using t = await start()
    expect((await t.http.post('/todos', { id: null, content: 'tea' })).json()).toEqual({ id: 1, content: 'tea' })
  })

  test('gives different ids to todos without one, also at the same time', async () => {
    await using t = await start()
    const answers = await Promise.all(Array.from({ length: 250 }, () => t.http.post('/todos/', { content: 'tea' })))
    const ids = answers.map((answer) => answer.json<Todo>().id)
    expect(new Set(ids).size).toBe(250)
    await t.settled()
    expect((await list(t, '?limit=1000')).length).toBe(250)
  })

  test('never gives an id that a client has just chosen, before or after a block was reserved', async () => {
    await using t = await start()
    const post = async (body: object) => (await t.http.post('/todos/', body)).json<Todo>()
    await post({ id: 1, content: 'chosen' })
    expect(await post({ content: 'given' })).toEqual({ id: 2, content: 'given' })
    await post({ id: 3, content: 'chosen' })
    expect(await post({ content: 'given' })).toEqual({ id: 4, content: 'given' })
    await t.settled()
    expect((await list(t)).map(({ content }) => content)).toEqual(['chosen', 'given', 'chosen', 'given'])
  })

  test.each([
    ['no text', { content: '' }, 'body.content', 'must not be empty'],
    ['too long a text', { content: 'x'.repeat(10_001) }, 'body.content', 'must not be longer than 10000 characters'],
    ['a NUL', { content: 'a\0b' }, 'body.content', 'must not have NUL characters, which PostgreSQL cannot hold'],
    ['half a character', { content: '\ud800' }, 'body.content', 'must be well-formed Unicode, without lone surrogates'],
    ['id 0', { id: 0, content: 'tea' }, 'body.id', 'must be from 1 to 2147483647'],
    ['a negative id', { id: -1, content: 'tea' }, 'body.id', 'must be from 1 to 2147483647'],
    ['an id over int32', { id: 2_147_483_648, content: 'tea' }, 'body.id', 'must be from 1 to 2147483647'],
    ['a fraction', { id: 1.5, content: 'tea' }, 'body.id', expect.any(String)],
    ['an id that is a text', { id: '1', content: 'tea' }, 'body.id', expect.any(String)],
    ['no content', { id: 1 }, 'body.content', expect.any(String)],
  ])('refuses %s', async (_what, body, path, message) => {
    await using t = await start()
    const answer = await t.http.post('/todos/', body)
    expect([answer.statusCode, answer.json()]).toMatchObject([
      422,
      { code: 'REQUEST_INVALID', errors: [{ path, message }] },
    ])
    expect(await t.published(TodoCreated)).toEqual([])
  })

  test('takes content as it comes, up to its longest, in any script', async () => {
    await using t = await start()
    const contents = ['x'.repeat(10_000), 'چائے 🍵', "'; DROP TABLE todos.todo; --", ' \n']
    for (const content of contents) await t.http.post('/todos/', { content })
    await t.settled()
    expect((await list(t)).map(({ content }) => content)).toEqual(contents)
  })
})

describe('GET', () => {
  test('/todos/ lists by id, in pages', async () => {
    await using t = await start()
    for (const id of [3, 1, 2]) await t.http.post('/todos/', { id, content: `${id}` })
    await t.settled()
    expect((await list(t)).map(({ id }) => id)).toEqual([1, 2, 3])
    expect(await list(t, '?limit=1&offset=1')).toEqual([{ id: 2, content: '2' }])
    expect(await list(t, '?offset=3')).toEqual([])
    for (const query of ['?limit=0', '?limit=1001', '?offset=-1', '?limit=x']) {
      expect((await t.http.get(`/todos/${query}`)).statusCode).toBe(422)
    }
  })

  test('/ greets', async () => {
    await using t = await start()
    expect((await t.http.get('/')).json()).toEqual({ Hello: 'Millrace' })
  })

  test('/openapi.json describes the routes', async () => {
    await using t = await start()
    const { paths } = (await t.http.get('/openapi.json')).json()
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/', '/todos/']))
    expect(paths['/todos/'].post.requestBody.content['application/json'].schema.required).toEqual(['content'])
  })
})

describe('the topic todos2', () => {
  test('has plain Protobuf bytes', () => {
    const bytes = todos2.format?.encode(TodoSchema, TodoCreated({ id: 7, content: 'tea' }).data)
    // Field 1, a varint: 7. Field 2, 3 bytes: tea. Nothing around them.
    expect([...(bytes ?? [])]).toEqual([0x08, 7, 0x12, 3, ...Buffer.from('tea')])
  })

  test('takes records of other Protobuf programs', async () => {
    await using t = await start()
    await produce(t, { id: 9, content: 'from elsewhere' })
    await t.settled()
    expect(await list(t)).toEqual([{ id: 9, content: 'from elsewhere' }])
  })

  test('gives an id to records that have none, past those that are taken', async () => {
    await using t = await start()
    await produce(t, { id: 2, content: 'two' })
    await t.settled()
    for (const content of ['a', 'b']) await produce(t, { content })
    await t.settled()
    const ids = (await list(t)).map(({ id }) => id)
    expect(ids.length).toBe(3)
    expect(await deadLetters(t)).toEqual([])
  })

  test('keeps the first row of an id, and counts the others', async () => {
    await using t = await start()
    for (const content of ['first', 'second', 'third']) await t.http.post('/todos/', { id: 1, content })
    await t.settled()
    expect(await list(t)).toEqual([{ id: 1, content: 'first' }])
    expect(await counted(t)).toBe('2')
  })

  test.each([
    ['NUL in its content', { id: 5, content: 'a\0b' }, 'content must not have NUL characters'],
    ['a negative id', { id: -5, content: 'tea' }, 'id must be from 1 to 2147483647'],
    ['no content', { id: 5 }, 'content must not be empty'],
  ])('gives up a record with %s at once, and goes on', async (_what, todo, reason) => {
    await using t = await start()
    await produce(t, todo)
    await produce(t, { id: 6, content: 'next' })
    await t.settled()
    expect(await list(t)).toEqual([{ id: 6, content: 'next' }])
    expect(JSON.stringify(await deadLetters(t))).toContain(reason)
  })

  test('gives up bytes that are no Protobuf, and goes on', async () => {
    await using t = await start()
    await t.produce({ topic: 'todos2', value: Buffer.from([0xff, 0xff, 0xff]) })
    await produce(t, { id: 6, content: 'next' })
    await t.settled()
    expect(await list(t)).toEqual([{ id: 6, content: 'next' }])
    expect(await deadLetters(t)).toHaveLength(1)
  })
})
