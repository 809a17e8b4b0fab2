import type { Duplex } from 'node:stream'

/** What is waiting is written when there is so much of it: the server has something to do while more is made. */
const mostBytes = 16 * 1024

const joining = new WeakSet<Duplex>()

/**
 * Has what a turn of the event loop sends on a connection go out in one write: BEGIN, what a unit of work pushes, and COMMIT;
 * the statements of many handlers. To be called before each of them. A write for each wakes the server for each.
 */
export function joinWrites(stream: Duplex): void {
  if (!joining.has(stream)) {
    joining.add(stream)
    stream.cork()
    process.nextTick(() => {
      joining.delete(stream)
      stream.uncork()
    })
  } else if (stream.writableLength >= mostBytes) {
    stream.uncork()
    stream.cork()
  }
}
