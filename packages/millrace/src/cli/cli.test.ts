import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  adminToken,
  countOf,
  effectsOf,
  numbers,
  publishSteps,
  startSteps,
  stepsConsumer,
} from '../delivery/operations.fixture.ts'
import { defineModule, defineSchedule } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'
import { forApp, millrace } from './program.fixture.ts'

async function idOf(t: TestApp): Promise<string> {
  const { rows } = await t.database.query<{ id: string }>('SELECT min(id)::text AS id FROM millrace.dead_letter')
  return rows[0]?.id ?? ''
}

describe('the program', () => {
  test('shows and redrives a poison record among many; it is handled, and then those behind it, in order', async () => {
    const failing = new Set(['k7/20'])
    await using t = await startSteps([stepsConsumer('steps', failing)])
    const run = forApp(t)
    const keys = numbers(20).map((n) => `k${n}`)
    await publishSteps(t, keys, 0, 50)
    await t.settled()
    const id = await idOf(t)

    const listed = await run('dead-letters', 'ls', '--consumer', 'steps', '--since', '1h')
    expect(listed).toMatchObject({ status: 0, err: '' })
    expect(listed.out.split('\n')).toEqual([
      expect.stringMatching(/^ID +CONSUMER +TOPIC +KEY /),
      expect.stringMatching(new RegExp(`^${id} +steps +steps/0/\\d+ +k7 .* 2 +0 +yes +Error: k7/20 fails$`)),
      '',
    ])
    const shown = await run('dead-letters', 'show', id)
    expect(shown.status).toBe(0)
    for (const said of [
      'consumer  steps',
      'after 2 attempt(s); redriven 0 time(s)',
      '29 record(s) of its key wait for it',
      'Error: k7/20 fails',
      '  ce_type: Step',
      '{"key":"k7","n":20}',
      'operations.fixture.ts',
    ]) {
      expect(shown.out).toContain(said)
    }

    failing.clear()
    const dry = await run('dead-letters', 'redrive', '--reason', 'K7', '--dry-run')
    expect(dry).toEqual({ status: 0, out: '1 would be redriven\n', err: '' })
    expect(await countOf(t, 'dead_letter')).toBe(1)
    expect(await run('dead-letters', 'redrive', id, '--by', 'anna')).toEqual({
      status: 0,
      out: '1 redriven\n',
      err: '',
    })
    await t.settled()
    const found = await effectsOf(t, 'steps')
    for (const key of keys) expect(found[key]).toEqual(numbers(50))
    const { rows } = await t.database.query('SELECT by FROM millrace.dead_letter_audit')
    expect(rows).toEqual([{ by: 'cli: anna' }])
  })

  test('works through many, in pieces, no more than asked for, and says what it left', async () => {
    const keys = numbers(6).map((n) => `k${n}`)
    await using t = await startSteps([stepsConsumer('steps', new Set(keys.map((key) => `${key}/0`)))])
    const run = forApp(t)
    await publishSteps(t, keys, 0, 2)
    await t.settled()
    const page = JSON.parse((await run('dead-letters', 'ls', '--limit', '4', '--json')).out)
    expect(page.items).toHaveLength(4)
    expect((await run('dead-letters', 'ls', '--after', page.next)).out.trim().split('\n')).toHaveLength(1 + 2)

    // A rate of two a second is asked for in pieces of two.
    const some = await run('dead-letters', 'discard', '--all', '--rate', '2', '--max', '3', '--json')
    expect(JSON.parse(some.out)).toEqual({ dryRun: false, done: 3, skipped: 0, reasons: [] })
    await t.settled()
    expect(await effectsOf(t, 'steps')).toEqual({ k0: [1], k1: [1], k2: [1] })

    await t.database.query('UPDATE millrace.dead_letter SET redriven = 10 WHERE key = $1', [Buffer.from('k3')])
    const left = await run('dead-letters', 'redrive', '--consumer', 'steps')
    expect(left).toMatchObject({
      status: 1,
      out: expect.stringMatching(/^2 redriven\n1 left as they are\n {2}\d+: redriven-too-often\n$/),
    })
  })

  test('lists, pauses and resumes consumers', async () => {
    await using t = await startSteps([stepsConsumer('steps', new Set())])
    const run = forApp(t)
    expect(await run('consumers', 'pause', 'steps')).toEqual({ status: 0, out: 'steps is paused\n', err: '' })
    await publishSteps(t, ['a'], 0, 3)
    await expect
      .poll(async () => (await run('consumers', 'ls')).out, { timeout: 20_000 })
      .toMatch(/^NAME +STATE +LAG .*\nsteps +paused +3 +0 +0 +0 +\n$/)
    expect((await run('consumers', 'ls', '--partitions')).out).toMatch(/\nsteps +steps\/0 +0 +3 +3 /)
    expect(await run('consumers', 'resume', 'steps')).toEqual({ status: 0, out: 'steps is running\n', err: '' })
    await t.settled()
    expect(JSON.parse((await run('consumers', 'ls', '--json')).out).items).toMatchObject([{ name: 'steps', lag: 0 }])
    expect(await run('consumers', 'pause', 'none')).toMatchObject({
      status: 1,
      err: expect.stringContaining('There is no consumer none. (CONSUMER_UNKNOWN)'),
    })
  })

  test('takes the token from where the app has put it, and says what to do without', async () => {
    await using t = await startSteps([])
    const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'admin-token'), `${adminToken}\n`)
    const list = ['consumers', 'ls', '--url', t.url]
    expect(await millrace(list, { DATA_DIR: folder })).toMatchObject({ status: 0 })
    expect(await millrace([...list, '--token', adminToken])).toMatchObject({ status: 0 })
    const refused = {
      status: 1,
      out: '',
      err: expect.stringMatching(/\(ADMIN_UNAUTHORIZED\)\n {2}Send "Authorization/),
    }
    expect(await millrace(list)).toMatchObject(refused)
    expect(await millrace(list, { ADMIN_TOKEN: 'wrong', DATA_DIR: folder })).toMatchObject(refused)
  })
})

test('schedules are listed, and run by their name', async () => {
  let runs = 0
  const schedule = defineSchedule('nightly', { cron: '0 2 * * *', timeZone: 'Europe/Berlin', run: () => void runs++ })
  const http = { host: '127.0.0.1', port: 0, adminToken }
  await using t = await testApp({ modules: [defineModule({ name: 'm', schedules: [schedule] })], http })
  const run = forApp(t)
  expect(await run('schedules', 'run', 'nightly')).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^nightly runs/),
  })
  await t.settled()
  expect(runs).toBe(1)
  const listed = await run('schedules', 'ls')
  expect(listed.out.split('\n')).toEqual([
    expect.stringMatching(/^NAME +TIME-TABLE +DUE /),
    expect.stringMatching(/^nightly +0 2 \* \* \* \(Europe\/Berlin\) +\d{4}-.* +0 s ago +\d+ ms +1 +0 +0 *$/),
    '',
  ])
  expect(JSON.parse((await run('schedules', 'ls', '--json')).out)).toMatchObject({
    items: [{ name: 'nightly', runs: 1 }],
  })
  expect(await run('schedules', 'run', 'daily')).toMatchObject({
    status: 1,
    err: expect.stringMatching(/SCHEDULE_UNKNOWN/),
  })
})

describe('a mistake', () => {
  test.each([
    [['dead-letters', 'redrive'], /Say which/],
    [['dead-letters', 'redrive', '--dry-run'], /Say which/],
    [['dead-letters', 'show'], /usage: millrace dead-letters show <id>/],
    [['dead-letters', 'mend'], /no command "dead-letters mend"/],
    [['dead-letters', 'ls', '--nonsense'], /--nonsense/],
    [['dead-letters', 'ls', '--limit', '0'], /--limit is "0", which is not a whole number/],
    [['dead-letters', 'ls', '--since', 'yesterday'], /--since is "yesterday"/],
    [['consumers', 'seek', 'steps'], /Say --to/],
    [['consumers', 'seek', 'steps', '--to', 'yesterday'], /--to is "yesterday", which is neither earliest/],
    [['consumers', 'seek', '--to', '1'], /usage: millrace consumers seek <name>/],
    [['replay'], /usage: millrace replay <consumer> --from/],
    [['replay', 'steps', '--to', '1h'], /Say --from/],
    [['replays', 'cancel'], /usage: millrace replays cancel <id>/],
    [['consumers', 'ls', '--url', 'nowhere'], /--url is "nowhere"/],
    [['nonsense'], /no command "nonsense"/],
  ])('of usage ends with 2: %j', async (given, said) => {
    expect(await millrace(given)).toMatchObject({ status: 2, out: '', err: expect.stringMatching(said) })
  })

  test('in the address is told', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    expect(await millrace(['consumers', 'ls', '--url', `http://127.0.0.1:${port}`])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^No app answers at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.* \(APP_UNREACHABLE\)/),
    })
  })
})

test.each([
  [[]],
  [['--help']],
  [['dead-letters']],
  [['consumers', '--help']],
  [['dead-letters', 'redrive', '-h']],
  [['replays']],
  [['replay', '--help']],
])('help is shown for %j', async (given) => {
  expect(await millrace(given)).toMatchObject({ status: 0, err: '', out: expect.stringContaining('--url …') })
})
