import { type TestApp, testApp } from 'millrace/testing'
import { expect, test } from 'vitest'
import { bind } from '../../database.ts'
import { TodoIds } from './ids.ts'
import { todos } from './module.ts'
import { insertTodo } from './store.ts'
import { largestId } from './todo.ts'

const start = () => testApp({ modules: [todos], bind, roles: ['api'] })

async function restart(t: TestApp, block: number): Promise<void> {
  await t.database.query(`ALTER SEQUENCE todos.todo_id_block RESTART WITH ${block}`)
}

test('calls at the same time share a reservation', async () => {
  await using t = await start()
  const { db } = t.millrace
  const ids = new TodoIds()
  const given = await Promise.all(Array.from({ length: 150 }, () => ids.next(db)))
  expect(given.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, index) => index + 1))
  // 1 to 100 and 101 to 200 went to this process; another one gets the block after.
  expect(await new TodoIds().next(db)).toBe(201)
})

test('ids that rows have are skipped, whole blocks of them too', async () => {
  await using t = await start()
  const { db } = t.millrace
  for (let id = 1; id <= 103; id += 1) await insertTodo(db, { id, content: 'taken' })
  expect(await new TodoIds().next(db)).toBe(104)
})

test('ids that were taken since the reservation are skipped', async () => {
  await using t = await start()
  const { db } = t.millrace
  const ids = new TodoIds({ freshForMs: 5 })
  expect(await ids.next(db)).toBe(1)
  await insertTodo(db, { id: 2, content: 'taken elsewhere' })
  await expect.poll(() => ids.next(db), { interval: 20 }).toBeGreaterThan(2)
})

test('a reservation that fails fails its own call alone', async () => {
  await using t = await start()
  const { db } = t.millrace
  const ids = new TodoIds()
  const broken = bind({ query: () => Promise.reject(new Error('away')) })
  const [first, second] = await Promise.allSettled([ids.next(broken), ids.next(db)])
  expect([first.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 1 }])
})

test('the last ids are given out, and then it says that there are no more', async () => {
  await using t = await start()
  await restart(t, largestId - 1)
  const { db } = t.millrace
  const ids = new TodoIds()
  expect([await ids.next(db), await ids.next(db)]).toEqual([largestId - 1, largestId])
  await expect(ids.next(db)).rejects.toMatchObject({ code: 'IDS_EXHAUSTED' })
  const answer = await t.http.post('/todos/', { content: 'one too many' })
  expect([answer.statusCode, answer.json().code]).toEqual([507, 'IDS_EXHAUSTED'])
})
