import { type KafkaCluster, type KafkaOptions, startCluster } from './cluster.ts'
import { KafkaStartError } from './processes.ts'
import { findSoftware } from './software.ts'

const attempts = 3

/**
 * Starts a real Kafka, by Java, on 127.0.0.1. It ends with this process, however that ends. Resolves when all brokers
 * serve and know each other.
 *
 * @throws KafkaUnavailableError when it cannot run on this machine; KafkaStartError with what it wrote
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const software = await findSoftware()
  for (let attempt = 1; ; attempt++) {
    try {
      return await startCluster(options, software)
    } catch (error) {
      if (attempt === attempts || options.port !== undefined || !isPortTaken(error)) throw error
    }
  }
}

/** Another process was faster to take a port that was free. */
function isPortTaken(error: unknown): boolean {
  return error instanceof KafkaStartError && error.message.includes('Address already in use')
}
