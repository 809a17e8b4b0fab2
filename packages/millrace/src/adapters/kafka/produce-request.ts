import { type Base, type Connection, createRecordsBatch, NumericMap, type produceV11 } from '@platformatic/kafka'
import { answerTo, requestOf } from './client.ts'
import { type Identity, type Lane, type LaneBatch, messagesOf } from './lane.ts'
import type { PartitionAnswer } from './verdict.ts'

/** A request has so many bytes, or one batch more. */
const mostBytes = 8 * 1024 * 1024
const allReplicas = -1

/** A batch on its way. */
export interface Sending {
  readonly lane: Lane
  readonly identity: Identity
  readonly batch: LaneBatch
}

/** What a request is made with. */
export interface ProduceParts {
  readonly client: Base
  readonly connection: Connection
  /** How long the broker may wait for replicas. */
  readonly timeoutMs: number
}

/** Sends batches of one identity; the answers by the names of lanes. One that is missing is not known. */
export async function sendBatches(
  sendings: readonly Sending[],
  { client, connection, timeoutMs }: ProduceParts,
): Promise<ReadonlyMap<string, PartitionAnswer>> {
  const request = await requestOf<produceV11.ProduceRequest, produceV11.ProduceResponse>(client, 'Produce')
  const messages = sendings.flatMap(({ batch, lane }) => messagesOf(batch, lane.partition))
  const sequences = new NumericMap(sendings.map(({ lane }) => [lane.name, lane.sequence]))
  const options = { ...sendings[0]?.identity, sequences }
  const { responses } = await answerTo(request.async(connection, allReplicas, timeoutMs, messages, options))
  const answers = responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map((answer) => [`${name}:${answer.index}`, answer] as const),
  )
  return new Map(answers)
}

/** Divides batches among requests: each has one identity, and is bounded. */
export function requestsFor(sendings: readonly Sending[]): Sending[][] {
  const requests: Sending[][] = []
  for (const ofOne of Map.groupBy(sendings, ({ identity }) => identity).values()) {
    let bytes = mostBytes
    for (const sending of ofOne) {
      if (bytes >= mostBytes) {
        requests.push([])
        bytes = 0
      }
      requests.at(-1)?.push(sending)
      bytes += sending.batch.bytes
    }
  }
  return requests
}

/** Whether the library can write a batch that it got no answer for. */
export function isWritable({ batch, lane }: Sending): boolean {
  try {
    createRecordsBatch(messagesOf(batch, lane.partition))
    return true
  } catch {
    return false
  }
}
