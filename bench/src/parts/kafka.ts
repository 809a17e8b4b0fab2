import { Admin } from '@platformatic/kafka'
import type { Round, RoundKafka } from '../harness/definition.ts'

/** Partitions of the benches' topics. */
export const partitions = 4

const latest = -1n

/** The Kafka of a round whose case needs one. */
export function kafkaOf({ kafka }: Round): RoundKafka {
  if (!kafka) throw new Error('the case does not say that it needs Kafka')
  return kafka
}

/** What every client by hand is made with. */
export function clientOptions(bootstrap: string): { clientId: string; bootstrapBrokers: string[] } {
  return { clientId: 'bench', bootstrapBrokers: bootstrap.split(',') }
}

/** Creates a topic as an app does. */
export async function createTopic(bootstrap: string, topic: string): Promise<void> {
  await withAdmin(bootstrap, (admin) => admin.createTopics({ topics: [topic], partitions, replicas: -1 }))
}

/** How many records have been written to a topic. */
export function countRecords(bootstrap: string, topic: string): Promise<number> {
  return withAdmin(bootstrap, (admin) => writtenTo(admin, topic))
}

/** See {@link countRecords}. */
export async function writtenTo(admin: Admin, name: string): Promise<number> {
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: latest }))
  const [topic] = await admin.listOffsets({ topics: [{ name, partitions: asked }] })
  return topic?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0) ?? 0
}

/** Work with a client of its own. */
export async function withAdmin<T>(bootstrap: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin(clientOptions(bootstrap))
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}
