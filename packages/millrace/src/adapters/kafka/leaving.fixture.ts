/** Members that join a group and leave it amid joins: this process ends by itself, unless something of them is left. */
import { setTimeout as delay } from 'node:timers/promises'
import { createKafkaBroker } from './index.ts'

const rounds = 16
const [brokers = '', topic = ''] = process.argv.slice(2)

await Promise.all(Array.from({ length: rounds }, (_, round) => meet(`leaving-${topic}-${round}`, 60 * round)))

/** Two have a group; a third one joins, and has all join anew; amid that, the two leave. */
async function meet(group: string, leaveAfterMs: number): Promise<void> {
  const stops = await Promise.all([join(group), join(group)])
  const newcomer = join(group)
  await delay(leaveAfterMs)
  await Promise.all(stops.map((stop) => stop()))
  await (await newcomer)()
}

/** Answers how to leave. */
async function join(group: string): Promise<() => Promise<void>> {
  const broker = createKafkaBroker({ brokers: brokers.split(','), sessionTimeout: '1500ms' })
  const listener = { assigned: () => {}, revoked: () => delay(Math.random() * 300), lost: () => {} }
  await broker.start()
  await broker.join({ group, topics: [topic], listener })
  return () => broker.stop()
}
