import { describe, expect, test } from 'vitest'
import { FrameScanner } from '../src/parts/live/frames.ts'
import { highestRate } from '../src/parts/live/highest-rate.ts'
import { Histogram } from '../src/parts/live/histogram.ts'
import { countIn, messageOf, numberIn } from '../src/parts/live/message.ts'

describe('the highest rate', () => {
  test('is found to a tenth, and never above what is kept up', async () => {
    for (const most of [30, 100, 137, 999, 1_600, 5_000]) {
      const { perSecond, isKeptUp } = await highestRate(upTo(most), { from: 25, upTo: 6_400 })
      expect(isKeptUp).toBe(true)
      expect(perSecond).toBeLessThanOrEqual(most)
      expect(perSecond).toBeGreaterThan(most * 0.9)
    }
  })

  test('is tried three times where it was close, and no further than asked for', async () => {
    const tried: number[] = []
    const attempt = async (perSecond: number) => {
      tried.push(perSecond)
      const isKeptUp = tried.filter((rate) => rate === perSecond).length === 3
      return { perSecond, isKeptUp, isClose: !isKeptUp }
    }

    expect(await highestRate(attempt, { from: 25, upTo: 80 })).toMatchObject({ perSecond: 80, isKeptUp: true })
    expect(tried).toEqual([25, 25, 25, 50, 50, 50, 80, 80, 80])
  })

  test('is none where the lowest is not kept up', async () => {
    expect(await highestRate(upTo(24), { from: 25, upTo: 100 })).toMatchObject({ perSecond: 25, isKeptUp: false })
  })

  function upTo(most: number) {
    return async (perSecond: number) => ({ perSecond, isKeptUp: perSecond <= most, isClose: false })
  }
})

test.each([
  { length: 10, sizes: [1, 2, 3, 19, 20, 21] },
  { length: 200, sizes: [1, 2, 3, 64, 1_000] },
  { length: 70_000, sizes: [1_000, 65_536, 100_000] },
])('frames are found wherever reads cut them, also behind one of $length bytes', ({ length, sizes }) => {
  const messages = [messageOf(1), { type: 'other', text: 'x'.repeat(length) }, messageOf(12_345_678)]
  const sent = Buffer.concat([
    Buffer.from('HTTP/1.1 101 Yes\r\n\r\n'),
    ...messages.map(frameOf),
    Buffer.from([0x89, 0]),
  ])

  for (const size of sizes) {
    const found: (number | undefined)[] = []
    const scanner = new FrameScanner((bytes, start) => found.push(numberIn(bytes, start)))
    const lent = Buffer.alloc(size)
    for (let at = 0; at < sent.length; at += size) scanner.read(lent.subarray(0, sent.copy(lent, 0, at, at + size)))
    expect(found, `reads of ${size} bytes`).toEqual([1, undefined, 12_345_678])
  }
})

test('a handshake that is refused is an error', () => {
  const scanner = new FrameScanner(() => {})
  expect(() => scanner.read(Buffer.from('HTTP/1.1 503 No\r\n\r\n'))).toThrow('the server answered HTTP/1.1 503 No')
})

test('a message has 200 bytes, and several in one payload are counted', () => {
  expect(JSON.stringify(messageOf(7))).toHaveLength(200)

  const payload = Buffer.from(JSON.stringify({ type: 'all', data: [messageOf(1), messageOf(2), messageOf(3)] }))
  expect(countIn(payload, 0, payload.length)).toBe(3)
  expect(countIn(payload, 0, payload.length - 200)).toBe(2)
})

test('a quantile is the time within which so many were done', () => {
  const histogram = new Histogram()
  for (let ms = 1; ms <= 100; ms += 1) histogram.add(ms)

  expect(histogram.quantile(0.5)).toBeCloseTo(50, 1)
  expect(histogram.quantile(0.99)).toBeCloseTo(99, 1)
  expect(histogram.quantile(1)).toBeCloseTo(100, 1)
})

function frameOf(message: object): Buffer {
  const payload = Buffer.from(JSON.stringify(message))
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), payload])
  const head = Buffer.alloc(length < 65_536 ? 4 : 10)
  head[0] = 0x81
  head[1] = length < 65_536 ? 126 : 127
  if (length < 65_536) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}
