/** Has a Redis, and prints one line of JSON about it when it serves. It stays until it is killed. */
import { startRedis } from '../../src/redis/index.ts'

const { pid } = await startRedis()
process.stdout.write(`${JSON.stringify({ pid })}\n`)
