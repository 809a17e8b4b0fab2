import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { countOf, effectsOf, numbers, publishSteps, startSteps } from '../../src/delivery/operations.fixture.ts'
import { steps } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'
import { until } from '../faults/until.ts'

const outageMs = 30_000
const keys = numbers(40).map((n) => `k${n}`)

test('what all records need is down for 30 s: nothing is given up, it goes on by itself, each key in order', {
  timeout: 150_000,
}, async () => {
  const dependency = await Dependency.open()
  onTestFinished(() => dependency.close())
  // With the retry policy that consumers have by default: five attempts, which 30 s would use up.
  const consumer = defineConsumer({
    name: 'steps',
    topic: steps,
    prepare: { Step: (_event, signal) => dependency.ask(signal) },
    on: {
      Step: async ({ data: { key, n } }, unit) => {
        await unit.db.query("INSERT INTO effect (consumer, key, n) VALUES ('steps', $1, $2)", [key, n])
      },
    },
  })
  await using t = await startSteps([consumer], { topicPartitions: 4 })
  await publishSteps(t, keys, 0, 5)
  await t.settled()

  await dependency.close()
  const began = performance.now()
  await publishSteps(t, keys, 5, 10)
  const open = async () => (await t.http.get('/metrics')).body.match(/breaker_open\{consumer="steps"\} (\d)/)?.[1]
  await until('the breaker is open', async () => (await open()) === '1', 10_000)
  await publishSteps(t, keys, 10, 15)
  await delay(outageMs - (performance.now() - began))
  expect(await countOf(t, 'dead_letter')).toBe(0)
  expect(dependency.refused).toBeGreaterThan(0)

  await dependency.reopen()
  await until('the breaker is closed', async () => (await open()) === '0', 30_000)
  await t.settled()
  expect(await countOf(t, 'dead_letter')).toBe(0)
  expect(await effectsOf(t, 'steps')).toEqual(Object.fromEntries(keys.map((key) => [key, numbers(15)])))
})

/** Another service: it answers whatever it is asked. */
class Dependency {
  #server: Server
  readonly #port: number
  #refused = 0

  private constructor(server: Server) {
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  static async open(): Promise<Dependency> {
    return new Dependency(await listen(0))
  }

  /** How often nobody was there. */
  get refused(): number {
    return this.#refused
  }

  async ask(signal: AbortSignal): Promise<string> {
    const socket = connect(this.#port, '127.0.0.1')
    try {
      const [answer] = await once(socket, 'data', { signal })
      return String(answer)
    } catch (error) {
      this.#refused += 1
      throw error
    } finally {
      socket.destroy()
    }
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async reopen(): Promise<void> {
    this.#server = await listen(this.#port)
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end('well')).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
