import { TcpProxy } from '@millrace/tools/tcp-proxy'
import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { Page } from './page.fixture.ts'
import { addRows, rowsApp, rowsOf, Watcher, watchRows } from './store.fixture.ts'

const anna = () => 'anna'

test('loads, and goes on with what comes meanwhile and later: nothing missing, nothing twice', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  await addRows(app, 'anna', 1, 2)
  const source = rowsOf(app, anna)
  const load = async (signal: AbortSignal) => {
    const loaded = await source.load(signal)
    await addRows(app, 'anna', 3)
    return loaded
  }
  const watcher = watchRows(page.client(anna), { ...source, load })
  expect(watcher.now).toEqual({ status: 'connecting', data: undefined, error: undefined })
  await until('all are there', () => watcher.isLive([1, 2, 3]))
  await addRows(app, 'anna', 4, 5)
  await until('all are there', () => watcher.isLive([1, 2, 3, 4, 5]))
  expect(watcher.states.map(({ data }) => data?.length)).toEqual([2, 2, 3, 4, 5])
  expect(watcher.now).toBe(watcher.store.getSnapshot())
})

test('what cannot be resumed is loaded anew; the old data stays until then', async () => {
  await using app = await rowsApp({ live: { history: { ageMs: 600_000, bytes: 500 } } })
  await using proxy = await TcpProxy.listen(Number(new URL(app.url).port))
  using page = new Page({ url: `http://127.0.0.1:${proxy.port}` })
  const watcher = watchRows(page.client(anna), rowsOf(app, anna))
  await addRows(app, 'anna', 1)
  await until('it is there', () => watcher.isLive([1]))
  proxy.cut()
  const numbers = Array.from({ length: 50 }, (_, n) => n + 2)
  await addRows(app, 'anna', ...numbers)
  proxy.mend()
  await until('all are there', () => watcher.isLive([1, ...numbers]))
  expect(watcher.states.slice(-3)).toEqual([
    { status: 'reconnecting', data: [1], error: undefined },
    { status: 'reconnecting', data: [1, ...numbers], error: undefined },
    { status: 'live', data: [1, ...numbers], error: undefined },
  ])
})

test('a load that fails is told, and tried again; so is one that answers with nothing to go on from', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  const source = rowsOf(app, anna)
  let loads = 0
  const load = async (signal: AbortSignal) => {
    loads += 1
    if (loads === 1) throw new Error('away')
    const loaded = await source.load(signal)
    return loads === 2 ? ({ data: loaded.data } as typeof loaded) : loaded
  }
  const watcher = watchRows(page.client(anna), { ...source, load })
  await until('it is live', () => watcher.isLive([]))
  const errors = watcher.states.map(({ status, error }) => [status, error?.message])
  expect(errors).toEqual([
    ['connecting', 'away'],
    ['connecting', 'load() has to answer with data, and with its position as `at`'],
    ['connecting', undefined],
    ['live', undefined],
  ])
})

test('several subscribers have one connection, which ends a moment after the last has left, and goes on for the next', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  let loads = 0
  const source = rowsOf(app, anna)
  const load = (signal: AbortSignal) => {
    loads += 1
    return source.load(signal)
  }
  const store = page.client(anna).store('counts', { ...source, load })
  // As a page is drawn twice in development.
  new Watcher(store).leave()
  const [first, second] = [new Watcher(store), new Watcher(store)]
  await addRows(app, 'anna', 1)
  await until('both have it', () => first.isLive([1]) && second.isLive([1]))
  first.leave()
  first.leave()
  const third = new Watcher(store)
  second.leave()
  third.leave()
  const fourth = new Watcher(store)
  await addRows(app, 'anna', 2)
  await until('it has it', () => fourth.isLive([1, 2]))
  expect([page.sockets.length, first.states.at(-1)?.data]).toEqual([1, [1]])

  fourth.leave()
  const connections = async () => (await app.http.get('/ws/stats')).json().total_connections
  await until('nobody is connected', async () => (await connections()) === 0)
  await addRows(app, 'anna', 3)
  const fifth = new Watcher(store)
  expect(fifth.now.data).toEqual([1, 2])
  await until('it has what it missed', () => fifth.isLive([1, 2, 3]))
  expect([page.sockets.length, loads]).toEqual([2, 1])
})

test('a message that cannot be applied has everything loaded anew, and leaves no broken data', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  const source = rowsOf(app, anna)
  const apply: typeof source.apply = (numbers, message) => {
    if (message.data.n === 2) throw new Error('not this one')
    return source.apply(numbers, message)
  }
  const watcher = watchRows(page.client(anna), { ...source, apply })
  await until('it is live', () => watcher.isLive([]))
  await addRows(app, 'anna', 1, 2, 3)
  await until('all are there', () => watcher.isLive([1, 2, 3]))
  expect(page.reported.map(String)).toEqual(['Error: not this one'])
  expect(watcher.states.map(({ error }) => error?.message)).toContain('not this one')
  expect(watcher.now.error).toBeUndefined()
})

test('another user sees nothing of the last one’s data, and has his own', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  await addRows(app, 'anna', 1)
  await addRows(app, 'ben', 2)
  let user: string | undefined = 'anna'
  const client = page.client(() => user)
  const watcher = watchRows(
    client,
    rowsOf(app, () => user ?? ''),
  )
  await until('hers are there', () => watcher.isLive([1]))
  user = undefined
  client.renew()
  await until('she is signed out', () => watcher.now.status === 'signed-out')
  user = 'ben'
  client.renew()
  await until('his are there', () => watcher.isLive([2]))
  expect(watcher.states.findLastIndex(({ data }) => data?.includes(1))).toBeLessThan(
    watcher.states.findLastIndex(({ data }) => data === undefined),
  )
})

test('it can be loaded anew by hand, and ends with its client', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  const client = page.client(anna)
  const watcher = watchRows(client, rowsOf(app, anna))
  await until('it is live', () => watcher.isLive([]))
  // Nobody was told of it.
  await app.database.query("INSERT INTO counted (owner, n) VALUES ('anna', 7)")
  watcher.store.reload()
  await until('it is there', () => watcher.isLive([7]))
  client.close()
  expect(watcher.now).toEqual({ status: 'closed', data: [7], error: undefined })
  watcher.leave()
  const late = new Watcher(client.store('counts', rowsOf(app, anna)))
  await until('it is closed', () => late.now.status === 'closed')
})

test('a subscriber that throws is reported, and the others are told', async () => {
  await using app = await rowsApp()
  using page = new Page(app)
  const store = page.client(anna).store('counts', rowsOf(app, anna))
  store.subscribe(() => {
    throw new Error('not me')
  })
  const watcher = new Watcher(store)
  await until('it is live', () => watcher.isLive([]))
  expect(page.reported.map(String)).toContain('Error: not me')
})
