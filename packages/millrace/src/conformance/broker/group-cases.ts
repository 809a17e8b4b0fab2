import { expect } from 'vitest'
import type { GroupMember } from '../../ports/broker.ts'
import { Audience, type BrokerUnderTest, produce, readFrom, record, type Stage, text, uniqueName } from './stage.ts'

/** A member and what it was told. */
interface Seat {
  readonly audience: Audience
  readonly member: GroupMember
}

async function take({ broker }: BrokerUnderTest, group: string, topics: string[], audience: Audience): Promise<Seat> {
  return { audience, member: await broker.join({ group, topics, listener: audience }) }
}

/** Resolves when members hold all partitions, as many each as said. */
async function settled(audiences: readonly Audience[], counts: readonly number[]): Promise<void> {
  const balanced = () => audiences.every(({ held }, nth) => held.size === counts[nth])
  while (!balanced())
    await Promise.race(
      audiences.map((audience, nth) => audience.until(() => audience.held.size === counts[nth] && balanced())),
    )
}

/** A member that has all four partitions of a topic, and one that comes and gets half of them once it is let. */
async function shareWithNewcomer(stage: Stage): Promise<{ first: Audience; newcomer: Audience }> {
  const [one, two] = await Promise.all([stage.connect(), stage.connect()])
  const topic = await stage.topic(one.broker, 4)
  const group = uniqueName('group')
  const newcomer = new Audience('newcomer')
  const { promise: allowed, resolve: allow } = Promise.withResolvers<void>()
  const first = new Audience('first', async () => {
    expect(newcomer.told).toEqual([])
    await allowed
    expect(newcomer.told).toEqual([])
  })
  await take(one, group, [topic], first)
  await first.holds(4)
  const taken = take(two, group, [topic], newcomer)
  await first.until(() => first.told.filter((what) => what.startsWith('revoking')).length >= 2)
  allow()
  await taken
  await settled([first, newcomer], [2, 2])
  return { first, newcomer }
}

/** Sharing a group's partitions. */
export const groupCases = {
  'gives each partition to one of two members, and to each its share': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 4)
    const group = uniqueName('group')
    const audiences = [new Audience('one'), new Audience('two')] as const

    await Promise.all([take(one, group, [topic], audiences[0]), take(two, group, [topic], audiences[1])])
    await settled(audiences, [2, 2])

    const held = audiences.flatMap((audience) => [...audience.held.keys()])
    expect(held.sort()).toEqual([0, 1, 2, 3].map((partition) => `${topic}/${partition}`))
  },

  'gives a newcomer its share, once the others have let go of it': async (stage: Stage) => {
    const { first, newcomer } = await shareWithNewcomer(stage)

    expect(first.told.filter((what) => what.startsWith('lost'))).toEqual([])
    expect(newcomer.told).toEqual([...newcomer.held.keys()].map((name) => `assigned ${name}`))
  },

  'moves nothing else when a newcomer gets its share': async (stage: Stage) => {
    const { first } = await shareWithNewcomer(stage)

    expect(first.told.filter((what) => what.startsWith('revoked'))).toHaveLength(2)
  },

  'gives the partitions of a member that leaves to the others at once': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 4)
    const group = uniqueName('group')
    const staying = new Audience('staying')
    const letGo: string[] = []
    const leaving = new Audience('leaving', async ({ partition }) => {
      await produce(one.broker, [record(topic, null, 'the last of its work')])
      expect([...staying.held.keys()]).not.toContain(`${topic}/${partition}`)
      letGo.push(`${topic}/${partition}`)
    })
    await take(one, group, [topic], staying)
    const { member } = await take(two, group, [topic], leaving)
    await settled([staying, leaving], [2, 2])

    const leftAt = performance.now()
    await member.leave()
    await member.leave()
    await staying.holds(4)

    expect(performance.now() - leftAt).toBeLessThan(stage.sessionTimeoutMs)
    expect(letGo).toHaveLength(2)
    expect(leaving.held.size).toBe(0)
    expect(leaving.told.filter((what) => what.startsWith('lost'))).toEqual([])
  },

  'gives the partitions of a member that died to the others within the session time-out': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 4)
    const group = uniqueName('group')
    const [living, dying] = [new Audience('living'), new Audience('dying')]
    await take(one, group, [topic], living)
    await take(two, group, [topic], dying)
    await settled([living, dying], [2, 2])

    const diedAt = performance.now()
    await two.kill()
    await living.holds(4)

    expect(performance.now() - diedAt).toBeLessThan(stage.sessionTimeoutMs + 1_000)
  },

  'reads on where the member before it was': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 1)
    const group = uniqueName('group')
    await produce(
      one.broker,
      ['a', 'b', 'c'].map((value) => record(topic, 'key', value)),
    )
    const [first, second] = [new Audience('first'), new Audience('second')]
    const { member } = await take(one, group, [topic], first)
    await first.holds(1)
    expect(await readFrom(first.partition(topic, 0), 0, 2)).toHaveLength(2)
    await take(two, group, [topic], second)

    await member.leave()
    await second.holds(1)

    const [third] = await readFrom(second.partition(topic, 0), 2, 1)
    expect(text(third?.value ?? null)).toBe('c')
  },

  'closes the readers of partitions that are gone': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const audience = new Audience()
    const member = await broker.join({ group: uniqueName('group'), topics: [topic], listener: audience })
    await audience.holds(1)
    const partition = audience.partition(topic, 0)
    const waiting = partition.open(0).read(10)

    await member.leave()

    expect(await waiting).toEqual([])
    expect(await partition.open(0).read(10)).toEqual([])
  },

  'gives a topic only to members that list it': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const [both, onlyNew] = [await stage.topic(one.broker, 2), await stage.topic(one.broker, 2)]
    const group = uniqueName('group')
    const [before, after] = [new Audience('before'), new Audience('after')]

    await take(one, group, [both], before)
    await take(two, group, [both, onlyNew], after)
    await settled([before, after], [2, 2])

    expect([...before.held.values()].map(({ topic }) => topic)).toEqual([both, both])
    expect([...after.held.values()].map(({ topic }) => topic)).toEqual([onlyNew, onlyNew])
  },

  'keeps groups, and members of one process, apart': async (stage: Stage) => {
    const process = await stage.connect()
    const topic = await stage.topic(process.broker, 2)
    const groups = [uniqueName('group'), uniqueName('group')]
    const audiences = groups.flatMap(() => [new Audience(), new Audience()])

    await Promise.all(audiences.map((audience, nth) => take(process, groups[nth % 2] ?? '', [topic], audience)))
    await settled(audiences, [1, 1, 1, 1])

    for (const nth of [0, 1]) {
      const held = audiences.filter((_, at) => at % 2 === nth).flatMap((audience) => [...audience.held.keys()])
      expect(held.sort()).toEqual([`${topic}/0`, `${topic}/1`])
    }
  },

  'balances through a storm of members that come and go': async (stage: Stage) => {
    const processes = await Promise.all([stage.connect(), stage.connect(), stage.connect()])
    const [first] = processes
    if (first === undefined) return
    const topic = await stage.topic(first.broker, 6)
    const group = uniqueName('group')
    const owners = new Map<string, string>()
    const watched = (name: string) => {
      const audience = new Audience(name)
      const { assigned, revoked } = audience
      audience.assigned = (partition) => {
        const key = `${partition.topic}/${partition.partition}`
        expect(owners.get(key)).toBeUndefined()
        owners.set(key, name)
        assigned.call(audience, partition)
      }
      audience.revoked = async (partition) => {
        await revoked.call(audience, partition)
        owners.delete(`${partition.topic}/${partition.partition}`)
      }
      return audience
    }
    const staying = watched('staying')
    await take(first, group, [topic], staying)

    for (let round = 0; round < 3; round += 1) {
      const seats = await Promise.all(
        processes.map((process, nth) => take(process, group, [topic], watched(`${round}/${nth}`))),
      )
      await Promise.all(seats.slice(1).map(({ member }) => member.leave()))
      const [last] = seats
      if (last) await settled([staying, last.audience], [3, 3])
      await last?.member.leave()
    }
    await staying.holds(6)

    expect([...owners.values()]).toEqual(Array(6).fill('staying'))
  },
}
