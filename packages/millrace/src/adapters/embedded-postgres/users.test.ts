import { chown, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isRoot, unprivilegedAccount } from './account.ts'
import {
  copyCheckout,
  kill,
  ordinaryUser,
  programFolder,
  query,
  reachableCheckout,
  runApp,
  temporaryFolder,
} from './testbed.fixture.ts'

test('runs as an ordinary user, in a folder that only that user can enter', async () => {
  const account = await ordinaryUser()
  const folder = await temporaryFolder(0o700, account)
  const app = runApp(join(folder, 'data'), { ...(await reachableCheckout(account)), ...(account && { account }) })
  const said = await app.said

  expect(said).toMatchObject({ location: join(folder, 'data/postgres') })
  expect(await query(said.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect((await stat(join(said.location, 'cluster/password'))).mode & 0o777).toBe(0o600)
})

test('says so when an ordinary user cannot write the folder', async () => {
  const account = await ordinaryUser()
  const folder = await temporaryFolder(0o555)
  const app = runApp(join(folder, 'data'), { ...(await reachableCheckout(account)), ...(account && { account }) })

  expect(await app.said).toMatchObject({ code: 'EMBEDDED_UNAVAILABLE', message: expect.stringContaining('EACCES') })
})

// What root does differently can only be seen as root; there is nothing to be skipped for others.
if (isRoot()) {
  test('as root, keeps the data in the directory when the unprivileged user can reach it', async () => {
    const directory = await temporaryFolder()
    const said = await runApp(directory).said
    const data = await stat(join(directory, 'postgres/cluster/data'))

    expect(said).toMatchObject({ location: join(directory, 'postgres') })
    expect(data).toMatchObject({ uid: (await ordinaryUser())?.uid })
    expect(data.mode & 0o777).toBe(0o700)
  })

  test('as root, from a checkout that others cannot enter, keeps the data outside and finds it again', async () => {
    const folder = await programFolder(0o700)
    const copy = await copyCheckout(folder, false)
    const directory = join(folder, 'data')
    await mkdir(directory)
    const app = runApp(directory, copy)
    const first = await app.said
    onTestFinished(() => rm(first.location, { recursive: true, force: true, maxRetries: 5 }))
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
    await kill(app.process)
    const second = await runApp(directory, copy).said

    expect(first.location.startsWith(folder)).toBe(false)
    expect(await readFile(join(directory, 'postgres-location'), 'utf8')).toBe(`${first.location}\n`)
    expect(second.location).toBe(first.location)
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
  })

  test('as another user, says that root has put the data elsewhere', async () => {
    const account = await ordinaryUser()
    const folder = await temporaryFolder(0o700)
    const directory = join(folder, 'data')
    const app = runApp(directory)
    const { location } = await app.said
    onTestFinished(() => rm(location, { recursive: true, force: true, maxRetries: 5 }))
    await kill(app.process)
    await handOver([folder, directory, join(directory, 'postgres-location')])
    const said = await runApp(directory, { ...(await reachableCheckout(account)), ...(account && { account }) }).said

    expect(said).toMatchObject({ code: 'EMBEDDED_UNAVAILABLE', message: expect.stringContaining(location) })
  })
}

async function handOver(paths: string[]): Promise<void> {
  const { uid, gid } = await unprivilegedAccount()
  for (const path of paths) await chown(path, uid, gid)
}
