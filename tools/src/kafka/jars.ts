import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { cached, hashOf } from '../servers/cache.ts'
import { KafkaUnavailableError } from './java.ts'

const pom = join(import.meta.dirname, 'pom.xml')
/** Maven's plugin that resolves and copies. */
export const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.9.0'
const run = promisify(execFile)

/**
 * The class path of Kafka and its tools. Maven resolves it once, into its own local repository and by its own
 * settings; after that it is not called any more, unless a jar is gone.
 *
 * @throws KafkaUnavailableError when Maven is needed, and is not there or does not succeed
 */
export async function kafkaClasspath(): Promise<string> {
  const key = hashOf(await readFile(pom))
  const folder = await cached({
    name: `classpath-${key}`,
    make: (made) =>
      maven(['-f', pom, `${plugin}:build-classpath`, `-Dmdep.outputFile=${join(made, 'classpath')}`], made),
    isWhole: async (made) => (await readClasspath(made)).split(delimiter).every((jar) => existsSync(jar)),
  })
  return readClasspath(folder)
}

function readClasspath(folder: string): Promise<string> {
  return readFile(join(folder, 'classpath'), 'utf8')
}

/**
 * Runs Maven without a terminal and in silence.
 *
 * @param directory to run it in: what it notes for itself is left there
 */
export async function maven(args: readonly string[], directory: string): Promise<void> {
  try {
    await run('mvn', ['-q', '-B', ...args], { cwd: directory })
  } catch (error) {
    throw new KafkaUnavailableError(problemOf(error as MavenError), { cause: error })
  }
}

interface MavenError extends NodeJS.ErrnoException {
  readonly stdout?: string
}

function problemOf({ code, stdout, message }: MavenError): string {
  if (code === 'ENOENT') {
    return 'Kafka comes from Maven, and mvn cannot be run: install Maven 3.8 or newer, and have it on the PATH.'
  }
  const output = stdout?.trim().split('\n').slice(0, 10).join('\n')
  return `Kafka comes from Maven, which failed:\n${output || message}`
}
