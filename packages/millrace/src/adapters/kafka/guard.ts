import { EventEmitter } from 'node:events'
import { instancesChannel } from '@platformatic/kafka'

let isGuarding = false

/**
 * Keeps a connection's late errors from ending the process. The library listens for the first error of a connection, and
 * there can be a second one: a broker that resets it while it authenticates makes two, and one that nobody listens for
 * is thrown. What waits for the connection hears of its end all the same.
 */
export function guardConnections(): void {
  if (!isGuarding) instancesChannel.subscribe(guard)
  isGuarding = true
}

function guard(message: unknown): void {
  const { type, instance } = message as { readonly type?: unknown; readonly instance?: unknown }
  if (type === 'connection' && instance instanceof EventEmitter) instance.on('error', () => {})
}
