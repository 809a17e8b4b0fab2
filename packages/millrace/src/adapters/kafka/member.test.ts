import { setTimeout as delay } from 'node:timers/promises'
import { startKafka } from '@millrace/tools/kafka'
import { expect, onTestFinished, test } from 'vitest'
import { Audience, uniqueName } from '../../conformance/broker/stage.ts'
import type { KafkaBrokerOptions } from './config.ts'
import { createKafkaBroker } from './index.ts'
import { stageOn, theBrokers } from './kafka.fixture.ts'

const soon = { timeout: 20_000 }

/** A member as a process of its own has it; it takes its time to let go of a partition. */
async function join(group: string, topic: string, options: Partial<KafkaBrokerOptions> = {}) {
  const broker = createKafkaBroker({ brokers: theBrokers(), sessionTimeout: '1500ms', ...options })
  onTestFinished(() => broker.stop())
  await broker.start()
  const audience = new Audience('member', () => delay(Math.random() * 500))
  await broker.join({ group, topics: [topic], listener: audience })
  return audience
}

/** What a member should not have been told: given what it holds, asked again for what it is giving up. */
function amiss({ told }: Audience): string[] {
  const state = new Map<string, string>()
  return told.filter((line) => {
    const [what = '', partition = ''] = line.split(' ')
    const before = state.get(partition)
    state.set(partition, what)
    const isFree = before === undefined || before === 'revoked' || before === 'lost'
    return what === 'assigned' ? !isFree : what === 'revoking' && before !== 'assigned'
  })
}

test('members that see one after the other that a topic has grown share it, and none is given what it holds', async () => {
  await using stage = stageOn(theBrokers())
  const topic = await stage.topic(1)
  const group = uniqueName('group')
  const members = await Promise.all([250, 450, 650].map((topicRefresh) => join(group, topic, { topicRefresh })))
  const held = () => members.flatMap((member) => [...member.held.keys()]).sort()
  for (const count of [3, 6, 9, 12]) {
    await stage.admin.createPartitions({ topics: [{ name: topic, count }] })
    const all = Array.from({ length: count }, (_, partition) => `${topic}/${partition}`).sort()
    await expect.poll(held, soon).toEqual(all)
  }
  expect(members.map(amiss)).toEqual([[], [], []])
})

test('the broker that leads a group hangs: its members find another and go on, though they ask that one first', {
  timeout: 120_000,
}, async () => {
  await using kafka = await startKafka({ brokers: 3 })
  await using stage = stageOn(kafka.bootstrap.split(','))
  const topic = await stage.topic(6)
  const group = uniqueName('group')
  const [coordinator] = await stage.admin.findCoordinator({ keyType: 0, keys: [group] })
  const hung = kafka.brokers.find(({ id }) => id === coordinator?.nodeId)
  const others = kafka.brokers.filter((broker) => broker !== hung)
  const brokers = [hung, ...others].map((broker) => `127.0.0.1:${broker?.port}`)
  const members = await Promise.all([1, 2].map(() => join(group, topic, { brokers })))
  const held = () => members.flatMap((member) => [...member.held.keys()])
  await expect.poll(() => held().length, soon).toBe(6)

  hung?.pause()
  await expect.poll(() => held().length, soon).toBe(0)
  const lost = performance.now()
  await expect.poll(() => held().length, soon).toBe(6)
  process.stdout.write(`the group went on ${Math.round(performance.now() - lost)} ms later\n`)
  hung?.resume()
})
