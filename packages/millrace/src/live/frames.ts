const text = 0x81
/** An empty ping of the WebSocket protocol. */
export const pingFrame = Buffer.from([0x89, 0])

/** A whole text frame of the WebSocket protocol, as a server sends it: not masked. */
export function textFrame(payload: string): Buffer {
  const length = Buffer.byteLength(payload)
  const frame = Buffer.allocUnsafe(headerLength(length) + length)
  frame.write(payload, writeHeader(frame, length))
  return frame
}

/** The frame of an update: the message, an object in JSON, with its place as a last field. */
export function updateFrame(message: Uint8Array, token: string): Buffer {
  const end = endOf(token)
  const length = message.length - 1 + end.length
  const frame = Buffer.allocUnsafe(headerLength(length) + length)
  const start = writeHeader(frame, length)
  frame.set(message.subarray(0, -1), start)
  frame.write(end, start + message.length - 1, 'latin1')
  return frame
}

/** The same update with another token. */
export function withToken(frame: Buffer, token: string, other: string): Buffer {
  const closing = '}'
  const start = payloadStart(frame)
  const message = frame.subarray(start, frame.length - endOf(token).length + closing.length)
  return updateFrame(message, other)
}

function endOf(token: string): string {
  return `,"at":"${token}"}`
}

function headerLength(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

function payloadStart(frame: Buffer): number {
  const short = frame[1] ?? 0
  if (short < 126) return 2
  return short === 126 ? 4 : 10
}

/** Answers where the payload begins. */
function writeHeader(frame: Buffer, length: number): number {
  frame[0] = text
  if (length < 126) {
    frame[1] = length
    return 2
  }
  if (length < 65_536) {
    frame[1] = 126
    return frame.writeUInt16BE(length, 2)
  }
  frame[1] = 127
  return frame.writeBigUInt64BE(BigInt(length), 2)
}
