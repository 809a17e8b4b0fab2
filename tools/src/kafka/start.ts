import { onFreePorts } from '../servers/processes.ts'
import { type KafkaCluster, type KafkaOptions, startCluster } from './cluster.ts'
import { findSoftware } from './software.ts'

/**
 * Starts a real Kafka, by Java, on 127.0.0.1. It ends with this process, however that ends. Resolves when all brokers
 * serve and know each other.
 *
 * @throws KafkaUnavailableError when it cannot run on this machine; ServerStartError with what it wrote
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const software = await findSoftware()
  const start = () => startCluster(options, software)
  return options.port === undefined ? onFreePorts(start) : start()
}
