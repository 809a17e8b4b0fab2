import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const withinMs = 2_000
const metadataKey = 3
const correlation = 1

/** A broker, and where clients are told that it is. */
export interface Broker {
  readonly id: number
  readonly host: string
  readonly port: number
}

/**
 * Asks the broker at a port of 127.0.0.1 which brokers it knows, by a Metadata request of version 1, the oldest that
 * has all that is wanted here: this is no Kafka client, and needs none.
 *
 * @throws when there is no answer
 */
export async function brokersKnownAt(port: number): Promise<Broker[]> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(withinMs, () => socket.destroy(new Error(`Port ${port} did not answer within ${withinMs} ms.`)))
  try {
    await once(socket, 'connect')
    socket.write(metadataRequest())
    return brokersIn(await answer(socket))
  } finally {
    socket.destroy()
  }
}

/** For no topics: an empty array. */
function metadataRequest(): Buffer {
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4)
  let at = request.writeInt32BE(request.length - 4)
  at = request.writeInt16BE(metadataKey, at)
  at = request.writeInt16BE(1, at)
  at = request.writeInt32BE(correlation, at)
  at = request.writeInt16BE(-1, at)
  request.writeInt32BE(0, at)
  return request
}

/** Everything after the length. */
async function answer(socket: Socket): Promise<Buffer> {
  let received: Buffer = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) return received.subarray(4)
  }
  throw new Error('The broker closed the connection.')
}

function brokersIn(body: Buffer): Broker[] {
  const brokers: Broker[] = []
  let at = 8
  for (let left = body.readInt32BE(4); left > 0; left--) {
    const afterHost = at + 6 + body.readInt16BE(at + 4)
    const rackLength = Math.max(0, body.readInt16BE(afterHost + 4))
    const host = body.toString('utf8', at + 6, afterHost)
    brokers.push({ id: body.readInt32BE(at), host, port: body.readInt32BE(afterHost) })
    at = afterHost + 6 + rackLength
  }
  return brokers
}
