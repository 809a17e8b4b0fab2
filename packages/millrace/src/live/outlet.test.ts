import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { Outlet } from './outlet.ts'
import type { LiveSocket } from './socket.ts'

/** A connection of which the system takes what it is told to. */
class Connection implements LiveSocket {
  buffered = 0
  write(frames: Uint8Array): void {
    this.buffered += frames.length
  }
  drained(): Promise<void> {
    return new Promise(() => {})
  }
  close(): void {}
  terminate(): void {}
}

const patience = { bytes: 1_048_576, ms: 50 }

test('what waits for a client that takes nothing stays within the bound and one write', () => {
  const connection = new Connection()
  const outlet = new Outlet(connection, { ...patience, ms: 60_000 })
  const frames = Buffer.alloc(65_536)
  while (!outlet.isBehind()) outlet.write(frames)
  expect(connection.buffered).toBeGreaterThan(patience.bytes)
  expect(connection.buffered).toBeLessThanOrEqual(patience.bytes + frames.length)
})

test('a client is behind when something waits for too long, and not when it takes what came before', async () => {
  const connection = new Connection()
  const outlet = new Outlet(connection, patience)
  const begun = performance.now()
  // It always has something waiting, and never the same.
  while (performance.now() - begun < 4 * patience.ms) {
    outlet.write(Buffer.alloc(10))
    connection.buffered = 10
    expect(outlet.isBehind()).toBe(false)
    await new Promise(setImmediate)
  }
  await until('it is behind', () => outlet.isBehind())
  connection.buffered = 0
  expect(outlet.isBehind()).toBe(false)
})

test('who sends a lot waits until there is room, and not for ever', async () => {
  const connection = new Connection()
  const outlet = new Outlet(connection, patience)
  expect(await outlet.hasRoom()).toBe(true)
  outlet.write(Buffer.alloc(500_000))
  expect(await outlet.hasRoom()).toBe(false)
})

test('there is never room for more than a client may be behind by, however little that is', async () => {
  const connection = new Connection()
  const outlet = new Outlet(connection, { bytes: 100_000, ms: 50 })
  while (await outlet.hasRoom()) {
    expect(outlet.isBehind()).toBe(false)
    outlet.write(Buffer.alloc(10_000))
  }
  expect(connection.buffered).toBeLessThan(100_000)
})
