import { expect, test } from 'vitest'
import { defineConsumer } from '../core/consumer.ts'
import { effectsOf, numbers, publishSteps, startSteps, stepsConsumer } from '../delivery/operations.fixture.ts'
import { steps } from '../delivery/steps.fixture.ts'
import { forApp } from './program.fixture.ts'

test('a consumer is sought', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set(['a/4']))])
  const run = forApp(t)
  await publishSteps(t, ['a'], 0, 6)
  await t.settled()

  const dry = await run('consumers', 'seek', 'steps', '--to', '3', '--dry-run')
  expect(dry).toMatchObject({ status: 0, err: '' })
  expect(dry.out).toMatch(/^PARTITION +FROM +TO\nsteps\/0 +6 +3\nsteps would go on there\n1 parked would be dropped: /)
  expect(await effectsOf(t, 'steps')).toEqual({ a: numbers(4) })
  const done = await run(
    'consumers',
    'seek',
    'steps',
    '--to',
    '2',
    '--topic',
    'steps',
    '--partition',
    '0',
    '--by',
    'anna',
  )
  expect(done).toMatchObject({
    status: 0,
    out: expect.stringContaining('\nsteps goes on there\n1 parked were dropped'),
  })
  await t.settled()
  expect(await effectsOf(t, 'steps')).toEqual({ a: [0, 1, 2, 3, 2, 3] })
  const { rows } = await t.database.query('SELECT by, from_offset::int, to_offset::int FROM millrace.consumer_audit')
  expect(rows).toEqual([{ by: 'cli: anna', from_offset: 6, to_offset: 2 }])

  const ago = JSON.parse((await run('consumers', 'seek', 'steps', '--to', '1h', '--json', '--dry-run')).out)
  expect(ago).toMatchObject({ name: 'steps', dryRun: true, partitions: [{ from: 6, to: 0 }] })
  expect(await run('consumers', 'seek', 'steps', '--to', '7')).toMatchObject({
    status: 1,
    err: expect.stringMatching(/ends at 6\. \(OFFSET_OUTSIDE_LOG\)\n {2}Name an offset from 0 to 6/),
  })
})

test('a replay is waited for, or not; listed, shown and cancelled', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const handled = new Set<string>()
  const consumer = defineConsumer({
    name: 'steps',
    topic: steps,
    retry: { attempts: 1 },
    on: {
      Step: async ({ replay, data: { n } }) => {
        if (replay === undefined) return
        if (replay === '1' && n === 4) throw new Error('poison')
        if (replay === '2') {
          reach()
          await held
        }
        handled.add(`${replay}/${n}`)
      },
    },
  })
  await using t = await startSteps([consumer])
  const run = forApp(t)
  await publishSteps(t, ['a'], 0, 6)
  await t.settled()

  const dry = await run('replay', 'steps', '--from', '1', '--to', '5', '--dry-run')
  expect(dry).toMatchObject({ status: 0, err: '' })
  expect(dry.out).toMatch(/^PARTITION +FROM +TO\nsteps\/0 +1 +5\n4 record\(s\) would be replayed\n$/)
  const waited = await run('replay', 'steps', '--from', 'earliest')
  // A record was given up, and another one waits behind it.
  expect(waited).toMatchObject({ status: 1, err: 'Replay 1 of 6 record(s); it goes on without this command.\n' })
  expect(waited.out).toMatch(
    /^PARTITION .*\nsteps\/0 +0 +6 +6 +4 +1 +1 +0 +\nreplay 1 of steps is done\nmillrace dead-letters ls --consumer steps@replay-1\n$/,
  )
  expect([...handled]).toEqual(['1/0', '1/1', '1/2', '1/3'])
  expect((await run('dead-letters', 'ls', '--consumer', 'steps@replay-1')).out).toContain('Error: poison')

  const detached = await run('replay', 'steps', '--from', '1h', '--detach')
  expect(detached).toMatchObject({ status: 0, out: expect.stringMatching(/\nreplay 2 is running\n$/) })
  const other = await run('replay', 'steps', '--from', '1h')
  expect(other).toMatchObject({
    status: 1,
    err: expect.stringMatching(/REPLAY_RUNNING.*\n.*npx millrace replays cancel 2/),
  })
  await reached
  const cancelled = run('replays', 'cancel', '2', '--by', 'anna')
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
  await expect.poll(async () => (await t.database.query(waiting)).rows).toHaveLength(1)
  letGo()
  expect(await cancelled).toEqual({ status: 0, out: 'replay 2 is cancelled\n', err: '' })
  const listed = await run('replays', 'ls')
  expect(listed.out).toMatch(/^ID .*\n2 +steps +cancelled +\S+ +\d+ % .*\n1 +steps +done +\S+ +100 % +4 +1 +1 +\n$/)
  const shown = JSON.parse((await run('replays', 'show', '2', '--json')).out)
  expect(shown).toMatchObject({ id: '2', state: 'cancelled', by: expect.stringMatching(/^cli/) })
  expect(await run('replays', 'cancel', '2')).toMatchObject({ status: 1, err: expect.stringContaining('REPLAY_ENDED') })
})
