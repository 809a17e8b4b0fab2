import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findEmbeddedPostgres, startEmbeddedPostgres } from './index.ts'
import { kill, query, runApp, temporaryFolder, untilGone } from './testbed.fixture.ts'

test('another program finds the server of a running app, and reads and writes by its address', async () => {
  const directory = await temporaryFolder()
  const { url } = await runApp(directory).said
  await query(url, 'CREATE TABLE kept AS SELECT 7 AS n')
  const found = await findEmbeddedPostgres({ directory })
  expect(found).toBe(url)
  expect(await query(found ?? '', 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test('there is none where no app ran, runs any more, or was killed', async () => {
  const directory = await temporaryFolder()
  expect(await findEmbeddedPostgres({ directory })).toBeUndefined()
  expect(await findEmbeddedPostgres({ directory: join(directory, 'missing') })).toBeUndefined()
  const postgres = await startEmbeddedPostgres({ directory, durable: false, database: 'shop' })
  expect(await findEmbeddedPostgres({ directory, database: 'shop' })).toBe(postgres.url)
  await postgres.stop()
  expect(await findEmbeddedPostgres({ directory })).toBeUndefined()

  const app = runApp(directory)
  const { pid, location } = await app.said
  await kill(app.process)
  await untilGone(pid)
  // What it would leave if it had been killed too.
  await appendFile(join(location, 'cluster/data/postmaster.pid'), `${pid}\n\n\n5432\n\n\n\nready   \n`)
  expect(await findEmbeddedPostgres({ directory })).toBeUndefined()
})
