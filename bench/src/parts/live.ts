import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { defineChannel, defineModule, type Millrace } from 'millrace'
import { type WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import type { Result, Round } from '../harness/definition.ts'
import { createBenchApp } from './bench-app.ts'
import { Thread } from './in-thread.ts'
import type { LiveAnswer, LiveOrder } from './live-load.ts'

/** Who is connected, and whom each update is for. */
export interface LiveShape {
  readonly clients: number
  /** Each update is for all of them, or for one. */
  readonly isForAll: boolean
}

/** So many updates may be on their way, to all or to one each: what is measured is no queue. */
const inFlight = { forAll: 100, forOne: 1_000 }
const perPush = 10
const pushers = 4

const padding = 'x'.repeat(60)
const message = z.object({ type: z.literal('told'), data: z.object({ sent: z.number(), padding: z.string() }) })
type Message = z.output<typeof message>

const forAll = defineChannel('all', { message, audience: () => 'all' })
const forOne = defineChannel('one', { message, audience: (user) => user.id })
const module = defineModule({ name: 'telling', channels: [forAll, forOne] })

/** Fills the database with the tables of an app. */
export async function prepareLive(round: Round): Promise<void> {
  const app = createBenchApp(round, module)
  await app.start()
  await app.stop()
}

/** Units of work that push. */
export async function measureMillrace(round: Round, shape: LiveShape): Promise<Result> {
  const app = createBenchApp(round, module, {
    http: { host: '127.0.0.1', port: 0, authenticate: async (token) => ({ id: token, expiresAt: undefined }) },
  })
  await app.start()
  try {
    const path = shape.isForAll ? '/ws/all' : '/ws/one'
    const push = (users: readonly string[]) => pushBy(app.millrace, shape, users)
    return await measure(round, shape, { url: app.url, path, isGreeted: true, push })
  } finally {
    await app.stop()
  }
}

/** A `ws` server with a Map of its clients, which keeps nothing. */
export async function measureByHand(round: Round, shape: LiveShape): Promise<Result> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  const clients = new Map<string, WebSocket>()
  server.on('connection', (socket, { url = '' }) => clients.set(url.replace(/.*=/, ''), socket))
  await once(server, 'listening')
  const push = async (users: readonly string[]) => {
    for (const user of users) {
      const text = JSON.stringify(newMessage())
      if (shape.isForAll) for (const socket of clients.values()) socket.send(text)
      else clients.get(user)?.send(text)
    }
    await new Promise(setImmediate)
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    return await measure(round, shape, { url, path: '/', isGreeted: false, push })
  } finally {
    server.close()
  }
}

interface Measured {
  readonly url: string
  readonly path: string
  readonly isGreeted: boolean
  /** Sends an update to each of these users, or as many to all. */
  readonly push: (users: readonly string[]) => Promise<void>
}

async function measure({ records }: Round, shape: LiveShape, { push, ...at }: Measured): Promise<Result> {
  const count = new SharedArrayBuffer(4)
  const deliveries = shape.isForAll ? records * shape.clients : records
  const order: LiveOrder = { ...at, clients: shape.clients, deliveries, count }
  await using clients = new Thread<'ready' | LiveAnswer>('./live-load.ts', order)
  await clients.answer()
  const begun = performance.timeOrigin + performance.now()
  const cpu = process.threadCpuUsage()
  await pushAll(records, shape, { count, push })
  const answer = (await clients.answer()) as LiveAnswer
  const { user, system } = process.threadCpuUsage(cpu)
  const { p50, p99, endedAt } = answer
  const rate = (1_000 * deliveries) / (endedAt - begun)
  return { values: { rate, p50, p99, cpu: (user + system) / deliveries } }
}

async function pushAll(
  records: number,
  { clients, isForAll }: LiveShape,
  { count, push }: Pick<LiveOrder, 'count'> & Pick<Measured, 'push'>,
): Promise<void> {
  const arrived = new Int32Array(count)
  const each = isForAll ? clients : 1
  const most = isForAll ? inFlight.forAll * clients : inFlight.forOne
  let pushed = 0
  const pushSome = async () => {
    while (pushed < records) {
      const users = Array.from(
        { length: Math.min(perPush, records - pushed) },
        (_, n) => `user-${(pushed + n) % clients}`,
      )
      pushed += users.length
      await push(users)
      while (pushed * each - Atomics.load(arrived, 0) > most) await delay(1)
    }
  }
  await Promise.all(Array.from({ length: pushers }, pushSome))
}

async function pushBy(millrace: Millrace, { isForAll }: LiveShape, users: readonly string[]): Promise<void> {
  await millrace.transaction(async (unit) => {
    for (const user of users) {
      if (isForAll) unit.push(forAll, 'all', newMessage())
      else unit.push(forOne, user, newMessage())
    }
  })
}

function newMessage(): Message {
  return { type: 'told', data: { sent: performance.timeOrigin + performance.now(), padding } }
}
