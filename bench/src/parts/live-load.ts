import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { quantile } from '../harness/statistics.ts'

/** What the clients are told. */
export interface LiveOrder {
  /** `http://host:port` */
  readonly url: string
  readonly path: string
  readonly clients: number
  /** Whether the server says something before the updates. */
  readonly isGreeted: boolean
  /** How many updates there are to come, to all of them together. */
  readonly deliveries: number
  /** Where the count of those that came is kept: one 32-bit integer. */
  readonly count: SharedArrayBuffer
}

/** What the clients answer at the end. */
export interface LiveAnswer {
  /** From a push to a client that has it, in milliseconds. */
  readonly p50: number
  readonly p99: number
  /** When the last update came, in milliseconds since 1970. */
  readonly endedAt: number
}

/** A client's own parsing would take as much of the machine as the server: of so many updates, one is looked into. */
const sampleEvery = 97

const order = workerData as LiveOrder
const count = new Int32Array(order.count)
const took: number[] = []
let open = 0

for (let nth = 0; nth < order.clients; nth += 1) openClient(nth)

function openClient(nth: number): void {
  const { hostname, port, host } = new URL(order.url)
  const socket = connect(Number(port), hostname)
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  socket.write(
    `GET ${order.path}?token=user-${nth} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
      `sec-websocket-key: ${key}\r\nsec-websocket-version: 13\r\n\r\n`,
  )
  socket.on('close', () => {
    throw new Error('a client was closed')
  })
  readFrames(socket)
}

function readFrames(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0)
  let isHandshake = true
  let isGreeting = order.isGreeted
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (isHandshake) {
      const end = rest.indexOf('\r\n\r\n')
      if (end === -1) return
      rest = rest.subarray(end + 4)
      isHandshake = false
      if (!isGreeting) opened()
    }
    for (let frame = frameIn(rest); frame; frame = frameIn(rest)) {
      rest = rest.subarray(frame.end)
      if (!frame.isText) continue
      if (isGreeting) opened()
      else arrived(frame.payload)
      isGreeting = false
    }
  })
}

function opened(): void {
  open += 1
  if (open === order.clients) parentPort?.postMessage('ready')
}

function arrived(payload: Buffer): void {
  const arrivals = Atomics.add(count, 0, 1) + 1
  if (arrivals % sampleEvery === 0) {
    const { data } = JSON.parse(payload.toString()) as { readonly data: { readonly sent: number } }
    took.push(now() - data.sent)
  }
  if (arrivals < order.deliveries) return
  took.sort((a, b) => a - b)
  const answer: LiveAnswer = { p50: quantile(took, 0.5), p99: quantile(took, 0.99), endedAt: now() }
  parentPort?.postMessage(answer)
}

interface Frame {
  /** Servers ping as well. */
  readonly isText: boolean
  readonly payload: Buffer
  readonly end: number
}

/** A whole frame at the beginning of the bytes. */
function frameIn(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] ?? 0) & 0x7f
  if (short === 127) throw new Error('no update is that long')
  const start = short === 126 ? 4 : 2
  if (bytes.length < start) return undefined
  const end = start + (short === 126 ? bytes.readUInt16BE(2) : short)
  return bytes.length < end ? undefined : { isText: bytes[0] === 0x81, payload: bytes.subarray(start, end), end }
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
