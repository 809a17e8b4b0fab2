/** Has a Kafka and a registry, and prints one line of JSON about them when both serve. It stays until it is killed. */
import { startKafka, startRegistry } from '../../src/kafka/index.ts'

const [kafka, registry] = await Promise.all([startKafka(), startRegistry()])
const pids = [...kafka.brokers.map(({ pid }) => pid), registry.pid]
process.stdout.write(`${JSON.stringify({ pids, directory: kafka.directory })}\n`)
