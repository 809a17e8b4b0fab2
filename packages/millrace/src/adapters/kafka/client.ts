import { type API, type Base, type BaseOptions, type ConnectionPool, kGetApi, ResponseError } from '@platformatic/kafka'
import { within } from '../../core/wait.ts'

/** How long connections may take to close. */
const closeMs = 1_000

/**
 * The options of a client whose requests are tried once: who asks decides what to do then, since the library's endless
 * retries remember every error there was, and answer to no time-out. Finding out what versions of requests brokers know
 * goes round all of them, as the first may be hung.
 */
export function onceOnly(options: BaseOptions): BaseOptions {
  return { ...options, retries: options.bootstrapBrokers.length - 1, retryDelay: 0 }
}

/** The newest version of a request that the brokers and the library know. */
export function requestOf<Arguments extends unknown[], Answer>(
  client: Base,
  name: string,
): Promise<API<Arguments, Answer>> {
  const { promise, resolve, reject } = Promise.withResolvers<API<Arguments, Answer>>()
  client[kGetApi]<Arguments, Answer>(name, (error, api) => {
    if (api) resolve(api)
    else reject(error)
  })
  return promise
}

/**
 * What a broker answered. The library makes an error of the whole answer when one partition of it has one; each part's
 * error code is in the answer.
 */
export async function answerTo<Answer>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    return (error as { readonly response?: unknown }).response as Answer
  }
}

/** Ends what is under way with brokers, as if the network had. */
export function cut(connections: ConnectionPool): void {
  for (const [, connection] of connections) connection.socket?.destroy()
}

/** Closes connections, also ones whose broker does not take what was written: the library would wait for that. */
export async function closeConnections(connections: ConnectionPool): Promise<void> {
  cut(connections)
  await within(closeMs, () => connections.close().catch(() => {}))
}

/** Closes a client in the same way. */
export async function closeClient(client: Base): Promise<void> {
  cut(client.connections)
  await within(closeMs, () => client.close().catch(() => {}))
}
