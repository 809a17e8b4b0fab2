import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { Result } from '../harness/definition.ts'
import { quantile } from '../harness/statistics.ts'

/** What the load is told. */
export interface HttpLoadOrder {
  /** Where each request is posted to. */
  readonly url: string
  /** The JSON that each request posts. */
  readonly body: string
  readonly requests: number
  /** Kept alive; each has one request under way at a time. */
  readonly connections: number
}

/** A load that takes longer has got stuck. */
const patienceMs = 120_000
const endOfHead = '\r\n\r\n'

parentPort?.postMessage(await load(workerData as HttpLoadOrder))

/**
 * Posts the same again and again over some connections. It writes to the sockets itself: an HTTP client of Node's would
 * take as much of the machine as the route that is measured.
 */
async function load({ url, body, requests, connections }: HttpLoadOrder): Promise<Result> {
  const { hostname, port } = new URL(url)
  const request = requestOf(url, body)
  const took: number[] = []
  let left = requests
  const next = () => left-- > 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: connections }, () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      return postAll(socket, request, { next, took })
    }),
  )
  const seconds = (performance.now() - start) / 1_000
  const sorted = took.toSorted((a, b) => a - b)
  return { values: { rate: requests / seconds, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) } }
}

function requestOf(url: string, body: string): string {
  const { host, pathname } = new URL(url)
  const headers = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return headers.join('\r\n') + endOfHead + body
}

interface Requests {
  /** Whether there is another one to be made. */
  readonly next: () => boolean
  /** How long each took, in milliseconds. */
  readonly took: number[]
}

/** Posts on one connection, one request after the other, until there are no more. */
function postAll(socket: Socket, request: string, { next, took }: Requests): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received = ''
  let sentAt = 0
  const send = () => {
    if (!next()) return void socket.end(resolve)
    sentAt = performance.now()
    socket.write(request)
  }
  socket.setEncoding('latin1')
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer came')))
  socket.once('connect', send)
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('the connection was closed')))
  socket.on('data', (data: string) => {
    received += data
    if (!isWhole(received)) return
    took.push(performance.now() - sentAt)
    if (!received.startsWith('HTTP/1.1 200')) return void socket.destroy(new Error(received))
    received = ''
    send()
  })
  return promise
}

/** Whether an answer is there with all its content. */
function isWhole(received: string): boolean {
  const head = received.indexOf(endOfHead)
  if (head < 0) return false
  const length = /content-length: (\d+)/i.exec(received)?.[1]
  return received.length - head - endOfHead.length >= Number(length)
}
