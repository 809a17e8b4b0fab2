import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { messageOf } from '../live/message.ts'
import type { LiveServer, LiveShape } from '../live/server.ts'

/** A `ws` server with a Map of its clients, which keeps nothing. */
export interface BareServer extends LiveServer {
  readonly clients: ReadonlyMap<string, WebSocket>
}

/** @param welcome called when a user has connected */
export async function startBareServer(
  { clients, isForAll }: LiveShape,
  welcome: (user: string, socket: WebSocket) => void = () => {},
): Promise<BareServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  const connected = new Map<string, WebSocket>()
  server.on('connection', (socket, { url = '' }) => {
    const user = new URL(url, 'http://localhost').searchParams.get('token') ?? ''
    connected.set(user, socket)
    socket.on('close', () => {
      if (connected.get(user) === socket) connected.delete(user)
    })
    welcome(user, socket)
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    isGreeted: false,
    clients: connected,
    push: (n) => {
      const text = JSON.stringify(messageOf(n))
      if (isForAll) for (const socket of connected.values()) socket.send(text)
      else connected.get(`user-${n % clients}`)?.send(text)
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of connected.values()) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
