import { freePort, startKafka } from '@millrace/tools/kafka'
import {
  AclOperations,
  type AclOperationValue,
  AclPermissionTypes,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeIn, placeOf, record, type Stage, stageOn, theBrokers } from './kafka.fixture.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

let stage: Stage
let names = 0

beforeAll(() => {
  stage = stageOn(theBrokers())
})

afterAll(() => stage[Symbol.asyncDispose]())

function newName(): string {
  names += 1
  return `topics-${process.pid}-${Date.now()}-${names}`
}

describe('ensuring topics', () => {
  test('creates what is missing and describes all, in the order asked for', async () => {
    const [there, missing] = [await stage.topic(2), newName()]

    const found = await stage.topics.ensure([
      { name: missing, partitions: 3 },
      { name: there, partitions: 7 },
      { name: missing, partitions: 3 },
    ])

    expect(found.map(({ name, partitions }) => [name, partitions])).toEqual([
      [missing, 3],
      [there, 2],
      [missing, 3],
    ])
    for (const { id } of found) expect(id).toMatch(uuid)
    expect(await stage.topics.describe([there, missing])).toEqual([found[1], found[0]])
    expect(await stage.topics.ensure([])).toEqual([])
  })

  test('is safe from several processes at once', async () => {
    const specs = Array.from({ length: 5 }, () => ({ name: newName(), partitions: 2 }))
    const processes = Array.from({ length: 6 }, () => stageOn(theBrokers()))

    const found = await Promise.all(processes.map(({ topics }) => topics.ensure(specs)))

    for (const one of found) expect(one).toEqual(found[0])
    await Promise.all(processes.map((process) => process[Symbol.asyncDispose]()))
  })

  test('names those that are missing where none are to be created', async () => {
    await using careful = stageOn(theBrokers(), { createTopics: false })
    const [there, one, other] = [await stage.topic(1), newName(), newName()]
    const specs = [there, one, other].map((name) => ({ name, partitions: 1 }))

    await expect(careful.topics.ensure(specs)).rejects.toMatchObject({
      code: 'TOPIC_UNKNOWN',
      details: { topic: `${one}, ${other}` },
    })

    expect((await careful.topics.ensure([{ name: there, partitions: 1 }])).map(({ name }) => name)).toEqual([there])
  })

  test('says what the broker does not like', async () => {
    await using greedy = stageOn(theBrokers(), { topicReplicas: 2 })
    const name = newName()

    await expect(greedy.topics.ensure([{ name, partitions: 1 }])).rejects.toMatchObject({
      code: 'TOPIC_NOT_CREATED',
      message: expect.stringMatching(/replic.*INVALID_REPLICATION_FACTOR/i),
    })
    await expect(stage.topics.ensure([{ name: 'not a name', partitions: 1 }])).rejects.toMatchObject({
      code: 'TOPIC_NOT_CREATED',
      details: { topic: 'not a name' },
    })
  })

  test('gives a topic that is created anew another id', async () => {
    const name = newName()
    const [first] = await stage.topics.ensure([{ name, partitions: 1 }])
    await stage.admin.deleteTopics({ topics: [name] })
    await expect.poll(() => stage.topics.describe([name]).catch(({ code }) => code)).toBe('TOPIC_UNKNOWN')

    const [second] = await stage.topics.ensure([{ name, partitions: 1 }])

    expect(second?.id).toMatch(uuid)
    expect(second?.id).not.toBe(first?.id)
  })
})

describe('the bounds of a log', () => {
  test('are those of each partition, in order', async () => {
    const topic = await stage.topic(12)
    const results = await stage.producer.produce(Array.from({ length: 100 }, (_, n) => record(topic, `${n}`, 'x')))
    const counts = Array.from({ length: 12 }, () => 0)
    for (const result of results) {
      const { partition } = placeOf(result)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    const full = counts.findIndex((count) => count > 2)
    const deleted = [{ name: topic, partitions: [{ partition: full, offset: 2n }] }]
    await stage.admin.deleteRecords({ topics: deleted })

    const ranges = await stage.topics.ranges(topic)

    expect(ranges).toEqual(counts.map((end, partition) => ({ start: partition === full ? 2 : 0, end })))
    expect(await stage.topics.rangeOf(topic, full)).toEqual(ranges[full])
  })

  test('are of a topic that is there', async () => {
    const unknown = { code: 'TOPIC_UNKNOWN', details: { topic: 'missing' } }

    await expect(stage.topics.ranges('missing')).rejects.toMatchObject(unknown)
    await expect(stage.topics.rangeOf('missing', 0)).rejects.toMatchObject(unknown)
    await expect(stage.topics.describe(['missing'])).rejects.toMatchObject(unknown)
    await expect(stage.topics.partitionsOf('missing')).rejects.toMatchObject(unknown)
  })
})

describe('what is remembered', () => {
  test('is looked at again after a time', async () => {
    await using quick = stageOn(theBrokers(), { topicRefresh: '50ms' })
    await using slow = stageOn(theBrokers())
    const topic = await quick.topic(1)
    expect(await slow.topics.partitionsOf(topic)).toBe(1)
    await quick.admin.createPartitions({ topics: [{ name: topic, count: 3 }] })

    await expect.poll(() => quick.topics.partitionsOf(topic)).toBe(3)
    await expect.poll(async () => (await quick.topics.leadersOf(topic)).length).toBe(3)
    expect(await slow.topics.partitionsOf(topic)).toBe(1)
    slow.topics.forget(topic)
    expect(await slow.topics.leadersOf(topic)).toHaveLength(3)
  })
})

describe('a broker that cannot be reached', () => {
  test('is asked for ten seconds', async () => {
    await using away = stageOn([`127.0.0.1:${await freePort()}`])
    const began = performance.now()

    const answers = await Promise.all([
      away.topics.ranges('any').catch((error) => error),
      away.topics.ensure([{ name: 'any', partitions: 1 }]).catch((error) => error),
      away.topics.leadersOf('any').catch((error) => error),
    ])

    for (const error of answers) {
      expect(error).toMatchObject({ code: 'BROKER_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') })
    }
    expect(performance.now() - began).toBeLessThan(12_000)
  })

  test('keeps nobody waiting who stops', async () => {
    const away = stageOn([`127.0.0.1:${await freePort()}`])
    const asking = away.topics.ranges('any').catch((error) => error)

    await away[Symbol.asyncDispose]()

    expect(await asking).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await expect(away.topics.ranges('any')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  })

  test('does not matter as long as another one answers, hung or gone', async () => {
    await using kafka = await startKafka({ brokers: 3 })
    const brokers = kafka.bootstrap.split(',')
    await using all = stageOn(brokers)
    const topic = await all.topic(1)
    const [leader] = await all.topics.leadersOf(topic)
    const others = kafka.brokers.filter(({ id }) => id !== leader)
    others[0]?.pause()

    const worstFirst = [`127.0.0.1:${others[0]?.port}`, `127.0.0.1:${await freePort()}`, ...brokers]
    await using late = stageOn(worstFirst, { client: { requestTimeout: 500 } })
    expect(await late.topics.ranges(topic)).toEqual([{ start: 0, end: 0 }])
    others[0]?.resume()
  }, 60_000)
})

test('without rights, it is said which topic is meant', async () => {
  const settings = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  }
  await using kafka = await startKafka({ secure: true, settings })
  const { bootstrap = '', ca = '', username = '', password = '' } = kafka.secure ?? {}
  await using operator = stageOn([kafka.bootstrap])
  await using stranger = stageOn([bootstrap], { tls: { ca }, sasl: { mechanism: 'PLAIN', username, password } })
  const topic = await operator.topic(1)
  const notAllowed = { code: 'TOPIC_NOT_ALLOWED', details: { topic } }
  const allow = (operation: AclOperationValue) => {
    const rule = {
      resourceType: ResourceTypes.TOPIC,
      resourceName: topic,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      host: '*',
    } as const
    const principal = `User:${username}`
    return operator.admin.createAcls({
      creations: [{ ...rule, operation, principal, permissionType: AclPermissionTypes.ALLOW }],
    })
  }

  await expect(stranger.topics.describe([topic])).rejects.toMatchObject(notAllowed)
  await expect(stranger.topics.ensure([{ name: topic, partitions: 1 }])).rejects.toMatchObject(notAllowed)
  expect(codeIn((await stranger.producer.produce([record(topic, 'a', '1')]))[0])).toBe('TOPIC_NOT_ALLOWED')

  await allow(AclOperations.DESCRIBE)
  await expect.poll(() => stranger.topics.ensure([{ name: topic, partitions: 1 }]).then(Boolean, String)).toBe(true)
  const produce = async () => (await stranger.producer.produce([record(topic, 'a', '1')]))[0]
  expect(codeIn(await produce())).toBe('TOPIC_NOT_ALLOWED')

  await allow(AclOperations.WRITE)
  await expect.poll(async () => codeIn(await produce())).toBe(undefined)
}, 60_000)
