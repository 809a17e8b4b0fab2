import { readFileSync } from 'node:fs'
import { fail, messageOf } from 'millrace'
import type { RedisOptions } from 'millrace/redis'
import type { Config } from './config.ts'

/**
 * How Redis is reached; undefined where there is none.
 *
 * @throws CONFIG_INVALID where the file of its authority cannot be read
 */
export function redisSettings(config: Config): RedisOptions | undefined {
  const { REDIS_URL: url, REDIS_SSL_CA: file, REDIS_PREFIX: prefix } = config
  return url ? { url, prefix, ...(file && { tls: { ca: authority(file) } }) } : undefined
}

function authority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const problems = `- REDIS_SSL_CA is "${file}", which cannot be read: ${messageOf(error)}`
    throw fail('CONFIG_INVALID', { count: 1, problems }, { cause: error })
  }
}
