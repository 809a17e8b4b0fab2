export { freePort } from '../servers/ports.ts'
export { type RedisLogin, type RedisOptions, type RedisServer, startRedis } from './server.ts'
export { RedisUnavailableError, redisUnavailable } from './software.ts'
