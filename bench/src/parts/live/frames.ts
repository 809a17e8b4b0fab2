const text = 0x81
const endOfHead = '\r\n\r\n'

/** Told of a text frame: where its payload lies in the bytes, which are only lent. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void

/**
 * Cuts what a server sends into frames. A library's parser would take as much of the machine as the server that is
 * measured: this one looks at the frames' heads alone, and copies only what a read has cut off.
 */
export class FrameScanner {
  readonly #onFrame: OnFrame
  #rest: Buffer | undefined
  #isOpen = false

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** Answers whether the handshake is over. */
  read(chunk: Buffer): boolean {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    this.#rest = undefined
    const from = this.#isOpen ? 0 : afterHead(bytes)
    this.#isOpen = from !== undefined
    const rest = from === undefined ? 0 : this.#scan(bytes, from)
    // The bytes are overwritten by the next read.
    if (rest < bytes.length) this.#rest = Buffer.from(bytes.subarray(rest))
    return this.#isOpen
  }

  /** Answers where the first frame begins that is not all there. */
  #scan(bytes: Buffer, from: number): number {
    let at = from
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1] ?? 0
      const start = at + headLength(short)
      if (start > bytes.length) break
      const end = start + payloadLength(bytes, at, short)
      if (end > bytes.length) break
      if (bytes[at] === text) this.#onFrame(bytes, start, end)
      at = end
    }
    return at
  }
}

/** @throws an error where the server refuses */
function afterHead(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(endOfHead)
  if (end === -1) return undefined
  const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
  if (!status.startsWith('HTTP/1.1 101')) throw new Error(`the server answered ${status}`)
  return end + endOfHead.length
}

function headLength(short: number): number {
  if (short < 126) return 2
  return short === 126 ? 4 : 10
}

function payloadLength(bytes: Buffer, at: number, short: number): number {
  if (short < 126) return short
  return short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
}
