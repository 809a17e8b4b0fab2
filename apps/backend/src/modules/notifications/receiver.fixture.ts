import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** What a receiver got. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly key: string
}

/** What it answers: the status. */
export type Answer = (received: Received) => number | Promise<number>

/** A receiver of webhooks: a real HTTP server on a free port, or on the one given; it ends with the test. */
export async function startReceiver(answer: Answer = () => 204, port = 0) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { url: path = '', headers } = request
    const one = { path, headers, body: await text(request), key: `${headers['idempotency-key']}` }
    received.push(one)
    response.writeHead(await answer(one)).end()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return { received, url, stop }
}
