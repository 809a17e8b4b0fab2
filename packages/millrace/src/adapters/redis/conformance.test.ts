import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'redis'
import { afterAll, beforeAll } from 'vitest'
import { type BusUnderTest, type DisturbedPartition, describeBus } from '../../conformance/index.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import { type BusProcess, BusStage } from './redis.fixture.ts'

const prefix = 'conformance'
/** How long a disturbance lasts. */
const whileMs = 200

let stage: BusStage
const connected = new Map<BusUnderTest, BusProcess>()

beforeAll(async () => {
  stage = await BusStage.create()
})

afterAll(() => stage[Symbol.asyncDispose]())

function partsOf(process: BusUnderTest): BusProcess {
  const found = connected.get(process)
  if (!found) throw new Error('no process of this suite')
  return found
}

describeBus('Redis', {
  async create() {
    const process = await stage.connect({ prefix })
    connected.set(process, process)
    return process
  },
  disturbances: {
    'its connection is cut': async (process) => {
      const { proxy } = partsOf(process)
      proxy.cut()
      await pause(whileMs)
      proxy.mend()
    },
    'nothing gets through to it': async (process) => {
      const { proxy } = partsOf(process)
      proxy.freeze()
      await pause(whileMs)
      proxy.mend()
    },
    'its server is killed and started again': async () => {
      await stage.redis.kill()
      await pause(whileMs)
      await stage.redis.start()
    },
    'its server stands still': async () => {
      stage.redis.pause()
      await pause(whileMs)
      stage.redis.resume()
    },
    'messages are lost': async (process) => {
      const parts = partsOf(process)
      parts.sends = () => Math.random() < 0.5
      await pause(whileMs)
      parts.sends = () => true
    },
    'somebody repeats messages, reorders them, and spoils them': (_, partition) => publishBadly(partition),
  },
})

/** Hears what is sent for a moment, and sends it again: in another order, in part, spoiled, and as what it never was. */
async function publishBadly({ topicId }: DisturbedPartition): Promise<void> {
  const channel = `${prefix}:bus:${topicId}:0`
  const options = { url: stage.redis.url }
  const [hearing, sending] = await Promise.all([createClient(options).connect(), createClient(options).connect()])
  const heard: Buffer[] = []
  await hearing.subscribe(channel, (bytes: Buffer) => void heard.push(bytes), true)
  await pause(whileMs)
  hearing.destroy()
  const worse = heard.flatMap((bytes) => [bytes, ...spoiled(bytes)])
  for (const bytes of shuffled([...worse, Buffer.alloc(0), Buffer.alloc(100, 1)])) await sending.publish(channel, bytes)
  for (const bytes of heard.reverse()) await sending.publish(channel, bytes)
  sending.destroy()
}

function spoiled(bytes: Buffer): Buffer[] {
  const half = bytes.subarray(0, Math.floor(bytes.length / 2))
  const flipped = Buffer.from(bytes)
  flipped[0] = 200
  const { before, records } = decodeMessage(bytes) ?? { before: undefined, records: [] }
  if (records.length === 0) return [half, flipped]
  const moved = (by: number) =>
    encodeMessage({ before, records: records.map((record) => ({ ...record, offset: record.offset + by })) })
  const withoutFirst = records.length > 1 ? [encodeMessage({ before, records: records.slice(1) })] : []
  return [
    half,
    flipped,
    moved(1),
    moved(10),
    moved(1_000_000),
    ...withoutFirst,
    encodeMessage({ before: undefined, records }),
  ]
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
