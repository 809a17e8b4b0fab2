import * as z from 'zod'

/** What is pushed: 200 bytes of JSON, of which the number is always at the same place. */
export const message = z.object({ type: z.literal('told'), data: z.object({ n: z.string(), padding: z.string() }) })

/** See {@link message}. */
export type Message = z.output<typeof message>

const digits = 8
const numberAt = '{"type":"told","data":{"n":"'.length
/** Where the type begins: no other frame's is spelt the same there. */
const typeAt = '{"type":"'.length
const firstOfType = 't'.charCodeAt(0)
const zero = '0'.charCodeAt(0)
const padding = 'x'.repeat(148)

/** The nth message. */
export function messageOf(n: number): Message {
  return { type: 'told', data: { n: String(n).padStart(digits, '0'), padding } }
}

/** The number of the message that begins there; undefined where it is something else. */
export function numberIn(bytes: Buffer, start: number): number | undefined {
  if (bytes[start + typeAt] !== firstOfType) return undefined
  let n = 0
  for (let at = start + numberAt; at < start + numberAt + digits; at += 1) n = n * 10 + (bytes[at] ?? 0) - zero
  return n
}

const beforeNumber = Buffer.from('"n":"')

/** How many messages there are in a payload: a server may put all that a client is to know into one. */
export function countIn(bytes: Buffer, start: number, end: number): number {
  let count = 0
  for (let at = bytes.indexOf(beforeNumber, start); at !== -1 && at < end; at = bytes.indexOf(beforeNumber, at + 1)) {
    count += 1
  }
  return count
}
