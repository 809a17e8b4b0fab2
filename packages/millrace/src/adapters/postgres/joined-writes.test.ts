import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { joinWrites } from './joined-writes.ts'

/** A connection, and the sizes of what was written to the system at a time. */
function connection() {
  const written: number[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.length)
      done()
    },
    writev: (chunks, done) => {
      written.push(chunks.reduce((sum, { chunk }) => sum + (chunk as Buffer).length, 0))
      done()
    },
  })
  const send = (bytes: number) => {
    joinWrites(stream)
    stream.write(Buffer.alloc(bytes))
  }
  return { send, written }
}

test('what is sent in one turn is one write, also across promises; the next turn has its own', async () => {
  const { send, written } = connection()
  const work = async () => {
    send(1)
    await Promise.resolve()
    send(2)
    await null
    send(3)
  }
  await Promise.resolve().then(work)
  await nextTurn()
  expect(written).toEqual([6])

  send(4)
  await nextTurn()
  expect(written).toEqual([6, 4])
})

test('the server is not kept waiting for a lot', async () => {
  const { send, written } = connection()
  for (let n = 0; n < 5; n += 1) send(10_000)
  expect(written).toEqual([20_000, 20_000])

  await nextTurn()
  expect(written).toEqual([20_000, 20_000, 10_000])
})

test('connections are apart', async () => {
  const [one, other] = [connection(), connection()]
  one.send(1)
  other.send(2)
  one.send(3)
  await nextTurn()
  expect([one.written, other.written]).toEqual([[4], [2]])
})
