import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import type { TestApp } from '../testing/index.ts'
import { count, liveApp, TestClient } from './live.fixture.ts'

test('a database that has lost its last commits: clients before them go on, those that had them are reset', async () => {
  await using app = await liveApp()
  using anna = new TestClient(app)
  await until('it is connected', () => anna.has('connected'))
  await count(app, 'anna', [1, 2, 3, 4, 5])
  await until('all have come', () => anna.numbers.length === 5)
  // A replica that was behind by two has taken over.
  await app.database.query('DELETE FROM millrace.log WHERE "offset" >= 3')
  expect((await anna.ended).code).toBe(1012)
  await count(app, 'anna', [6])

  using ahead = await comeAgain(app, anna.at)
  using before = await comeAgain(app, anna.frames[3]?.at)
  await until('they are answered', () => ahead.has('reset') && before.numbers.length === 1)
  expect(ahead.frames[1]).toMatchObject({ type: 'reset', reason: 'unknown' })
  expect(before.numbers).toEqual([6])
  await count(app, 'anna', [7])
  await until('they are live', () => ahead.numbers.includes(7) && before.numbers.includes(7))
  expect(before.numbers).toEqual([6, 7])
})

test('a log that has come as far again behind our back is noticed when the connection to the database is made anew', async () => {
  await using app = await liveApp()
  using anna = new TestClient(app)
  await until('it is connected', () => anna.has('connected'))
  await count(app, 'anna', [1, 2, 3])
  await until('all have come', () => anna.numbers.length === 3)
  await replaceRecords(app, 1)
  expect(await anna.ended).toEqual({ code: 1012, reason: 'history lost: resume' })

  using again = await comeAgain(app, anna.at)
  await until('it is answered', () => again.has('reset'))
  expect(again.frames[1]).toMatchObject({ type: 'reset', reason: 'unknown' })
  using before = await comeAgain(app, anna.frames[1]?.at)
  await until('it goes on', () => before.numbers.length === 2)
  expect(before.numbers).toEqual([2, 3])
})

test('a log that has come further again before anybody looked is noticed: nobody is given what follows another past', async () => {
  await using app = await liveApp({ roles: ['api'] })
  await using pusher = await liveApp({ databaseUrl: app.databaseUrl, roles: ['worker'] })
  using anna = new TestClient(app)
  await until('it is connected', () => anna.has('connected'))
  await count(pusher, 'anna', [1, 2, 3, 4, 5])
  await until('all have come', () => anna.numbers.length === 5)
  await pusher.stop()

  // The last two are lost, and what is written instead is more.
  await app.database.query(
    `WITH others AS (
       SELECT topic_id, partition, "offset", value, headers, appended_at + interval '7 milliseconds' AS at
         FROM millrace.log WHERE "offset" >= 3),
     gone AS (DELETE FROM millrace.log WHERE "offset" >= 3)
     INSERT INTO millrace.log (topic_id, partition, "offset", appended_at, value, headers)
     SELECT topic_id, partition, "offset" + shift, at, value, headers FROM others, unnest(ARRAY[0, 2]) AS shift`,
  )
  expect(await anna.ended).toEqual({ code: 1012, reason: 'history lost: resume' })
  expect(anna.numbers).toEqual([1, 2, 3, 4, 5])

  using again = await comeAgain(app, anna.at)
  await until('it is answered', () => again.has('reset'))
  using before = await comeAgain(app, anna.frames[3]?.at)
  await until('it goes on', () => before.numbers.length === 4)
  expect(before.numbers).toEqual([4, 5, 4, 5])
})

/** A client tries until it is taken: for a moment there is no history to serve from. */
async function comeAgain(app: TestApp, resume: string | undefined): Promise<TestClient> {
  let client = new TestClient(app, { resume })
  await until('it is connected', () => {
    if (client.hasEnded) client = new TestClient(app, { resume })
    return client.has('connected')
  })
  return client
}

/** Other records at the same offsets, and all connections lost. */
async function replaceRecords(app: TestApp, from: number): Promise<void> {
  await app.database.query(
    `WITH lost AS (
       UPDATE millrace.log SET appended_at = appended_at + interval '7 milliseconds' WHERE "offset" >= $1)
     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    [from],
  )
}
