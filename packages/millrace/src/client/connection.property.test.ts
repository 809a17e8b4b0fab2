import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomOf } from '../../test/faults/random.ts'
import { statusOf } from './state.ts'
import { longPauseAfter, pauseAfter, renewalOf } from './waits.ts'
import { type Answers, World } from './world.fixture.ts'

const minute = 60_000

const lives = fc.record({
  loads: fc.boolean(),
  tokensTell: fc.boolean(),
  seed: fc.integer({ min: 0 }),
  choices: fc.array(fc.nat({ max: 9_999 }), { minLength: 20, maxLength: 200, size: 'max' }),
})

/** A world in which whatever may happen has happened, in any order. */
function lived({ choices, seed, ...how }: Parameters<Parameters<typeof lives.map>[0]>[0]): World {
  const world = new World({ ...how, random: randomOf(seed).next })
  for (const choice of choices) {
    const { happenings } = world
    happenings[choice % happenings.length]?.()
  }
  return world
}

test('whatever happens: each update once and in order, or a reset; and when all is well, all of it', {
  timeout: 120_000,
}, () => {
  const resets = new Set<string>()
  let handed = 0
  fc.assert(
    fc.property(lives, (life) => {
      const world = lived(life)
      expect(world.wrong).toEqual([])
      world.heal(2 * minute)
      expect(world.wrong).toEqual([])
      expect([world.state.phase, statusOf(world.state), world.isComplete]).toEqual(['open', 'live', true])
      handed += world.handed
      for (const reason of world.resets) resets.add(reason)
    }),
    { numRuns: 4_000 },
  )
  // They were no idle lives.
  expect(handed).toBeGreaterThan(2_000)
  expect([...resets].sort()).toEqual(['expired', 'gap', 'unknown', 'user'])
})

describe('whatever does not work is tried again, for ever, and not too often:', () => {
  const never: [what: string, does: (world: World) => Answers][] = [
    ['token() fails', (world) => ({ ask: () => world.giveNoToken() })],
    ['token() never answers', () => ({ ask: 'never' })],
    ['token() is the reason to ask again', (world) => ({ ask: () => renewed(world) })],
    ['load() fails', (world) => ({ load: () => world.giveNoData() })],
    ['load() never answers', () => ({ load: 'never' })],
    ['load() is the reason to ask again', (world) => ({ load: () => world.take({ type: 'renew' }) })],
    ['nobody is there', (world) => ({ connect: () => world.network.cut(1006) })],
    ['nobody answers', (world) => ({ connect: () => accepted(world, () => world.network.silence()) })],
    ...[1006, 1012, 1013, 4408, 4419, 4429].map((code): (typeof never)[number] => [
      `each connection is closed with ${code}`,
      (world) => ({ connect: () => accepted(world, () => world.network.cut(code)) }),
    ]),
    ['each position has expired', (world) => ({ connect: () => lostIn(world) })],
    ['no message can be applied', (world) => ({ connect: () => brokenBy(world) })],
  ]

  test.each(never)('%s', (_, does) => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const world = new World({ loads: true, tokensTell: false, random: randomOf(seed).next })
        world.run(10 * minute, does(world))
        // An attempt has three parts, and comes every 30 s at least.
        expect(world.attempts).toBeLessThan(240)
        expect(world.attempts).toBeGreaterThan(9)
        world.heal(2 * minute)
        expect([world.state.phase, world.isComplete, world.wrong]).toEqual(['open', true, []])
      }),
      { numRuns: 20 },
    )
  })

  function renewed(world: World): void {
    world.take({ type: 'renew' })
    world.giveToken()
  }

  function accepted(world: World, then: () => void): void {
    world.network.accept()
    world.network.bring()
    then()
  }

  function lostIn(world: World): void {
    world.server.restore(0)
    world.network.accept()
  }

  function brokenBy(world: World): void {
    world.network.accept()
    world.network.bring()
    world.take({ type: 'broken' })
  }
})

test('a token that is refused is asked for once more; then nobody is signed in, until somebody is', () => {
  const world = new World({ loads: false, tokensTell: true, random: Math.random })
  world.run(minute)
  const { attempts } = world
  const refuse = () => world.network.cut(4401)
  refuse()
  world.run(minute, { connect: refuse })
  expect([world.state.phase, world.attempts - attempts]).toEqual(['signed-out', 2])
  world.run(10 * minute)
  expect([world.state.phase, world.attempts - attempts]).toEqual(['signed-out', 2])
  world.signIn('anna')
  world.run(minute)
  expect([world.state.phase, world.resets]).toEqual(['open', []])
})

test('whoever signs in while it is being asked whether somebody has is noticed', () => {
  const world = new World({ loads: false, tokensTell: true, random: Math.random })
  world.signIn('anna')
  world.take({ type: 'token', token: undefined })
  world.run(minute)
  expect(world.state.phase).toBe('open')
})

describe('where tokens do not say whose they are,', () => {
  const token = (text: string) => ({ type: 'token', token: { text, user: undefined, leftMs: undefined } }) as const
  const opened = () => {
    const world = new World({ loads: false, tokensTell: false, random: Math.random })
    world.run(minute)
    world.take({ type: 'renew' })
    world.take(token('anna/2'))
    return world
  }

  test('whoever may be another user is told to load everything, though his token could not be had at first', () => {
    const world = opened()
    world.signIn('ben')
    world.take({ type: 'no-token', error: new Error('away') })
    while (world.network.bring());
    expect(world.state.isAuthenticating).toBe(false)
    world.network.cut(1006)
    world.run(minute)
    expect([world.state.phase, world.resets]).toEqual(['open', ['user']])
  })

  test('whoever has the same token is the same', () => {
    const world = opened()
    world.run(1_000)
    world.network.cut(1006)
    world.take({ type: 'renew' })
    world.take(token('anna/2'))
    world.run(minute)
    expect([world.state.phase, world.resets]).toEqual(['open', []])
  })
})

test('a client for which nothing comes has a recent position all the same', () => {
  const world = new World({ loads: false, tokensTell: true, random: Math.random })
  for (let times = 0; times < 10; times += 1) {
    world.run(minute)
    world.server.push('ben')
    world.server.forgetHistory(3)
  }
  world.network.cut(1006)
  world.run(minute)
  expect([world.state.phase, world.resets]).toEqual(['open', []])
})

test('what the server does not understand is not said again', () => {
  const world = new World({ loads: false, tokensTell: true, random: Math.random })
  world.run(minute)
  const { attempts } = world
  world.network.cut(4400)
  world.heal(10 * minute)
  expect([statusOf(world.state), world.attempts]).toEqual(['closed', attempts])
})

test('a connection that lasts makes the next pause short again', () => {
  const world = new World({ loads: false, tokensTell: true, random: () => 0.999 })
  world.run(10 * minute, { connect: () => world.network.cut(1006) })
  expect(world.state.failures).toBeGreaterThan(10)
  world.heal(minute)
  world.network.cut(1006)
  const { attempts } = world
  world.run(1_000)
  expect([world.attempts - attempts, world.state.phase]).toEqual([2, 'open'])
})

test('a connection that is silent is noticed within 35 s, and at once when the page is shown or the network is back', () => {
  const world = new World({ loads: false, tokensTell: true, random: () => 0 })
  world.run(minute)
  for (const [within, told] of [
    [35_000, undefined],
    [10_000, 'visible'],
    [10_000, 'online'],
    [10_000, 'offline'],
  ] as const) {
    const { attempts } = world
    world.network.silence()
    if (told) world.take({ type: told })
    if (told === 'offline') expect(statusOf(world.state)).toBe('offline')
    world.run(within)
    expect([world.state.phase, world.attempts]).toEqual(['open', attempts + 2])
    expect(statusOf(world.state)).toBe('live')
  }
})

test('pauses are random, grow, and have an end', () => {
  const mosts = Array.from({ length: 2_000 }, (_, failures) => pauseAfter(failures))
  expect(mosts.slice(0, 7).map(({ most }) => most)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  expect(mosts.every(({ least, most }) => least === 0 && most <= 30_000)).toBe(true)
  expect(longPauseAfter(0)).toEqual({ least: 5_000, most: 10_000 })
  expect(longPauseAfter(1_500)).toEqual({ least: 5_000, most: 30_000 })
})

test('another token is asked for before the last has expired', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: Number.MAX_SAFE_INTEGER, noNaN: true }), (leftMs) => {
      const { least, most } = renewalOf(leftMs)
      expect(least).toBeLessThanOrEqual(most)
      expect(most).toBeLessThanOrEqual(24 * 60 * minute)
      if (leftMs > 2_000) expect(most).toBeLessThan(leftMs)
      else expect(least).toBeGreaterThanOrEqual(1_000)
    }),
  )
  expect(renewalOf(15 * minute)).toEqual({ least: 13 * minute, most: 14 * minute })
})
