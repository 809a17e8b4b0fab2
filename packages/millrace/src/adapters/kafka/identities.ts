import type { Base, Connection, initProducerIdV5 } from '@platformatic/kafka'
import { requestOf } from './client.ts'
import type { Identity } from './lane.ts'

/** For no transaction, and nobody's before. */
const none = [null, 0, -1n, -1] as const

/** Gets identities from brokers: one for all lanes that need one, until it is spent. */
export class Identities {
  #latest: Promise<Identity> | undefined

  /** One that no lane has spent. */
  get(client: Base, connection: Connection): Promise<Identity> {
    this.#latest ??= ask(client, connection).catch((error: unknown) => {
      this.#latest = undefined
      throw error
    })
    return this.#latest
  }

  /** A lane needs another one than it has had; the others go on with theirs. */
  spend(): void {
    this.#latest = undefined
  }
}

async function ask(client: Base, connection: Connection): Promise<Identity> {
  const request = await requestOf<initProducerIdV5.InitProducerIdRequest, initProducerIdV5.InitProducerIdResponse>(
    client,
    'InitProducerId',
  )
  const { producerId, producerEpoch } = await request.async(connection, ...none)
  return { producerId, producerEpoch }
}
