import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Kafka cannot run on this machine as it is; the message says what to install. */
export class KafkaUnavailableError extends Error {}

/** A Java that can run Kafka. */
export interface Java {
  /** The program. */
  readonly command: string
  readonly keytool: string
  /** In full, as it says itself: archives of classes belong to one. */
  readonly version: string
}

const needed = 17
const run = promisify(execFile)

/**
 * The Java of `JAVA_HOME`, else that of the path.
 *
 * @throws KafkaUnavailableError when there is none, or it is too old
 */
export async function findJava(): Promise<Java> {
  const home = process.env['JAVA_HOME']
  const program = (name: string) => (home ? join(home, 'bin', name) : name)
  const command = program('java')
  const version = await versionOf(command)
  const major = Number(/version "(?:1\.)?(\d+)/.exec(version)?.[1] ?? 0)
  if (major >= needed) return { command, keytool: program('keytool'), version }
  throw new KafkaUnavailableError(
    `Kafka needs Java ${needed} or newer, and ${command} is ${major}: install a newer JDK, and set JAVA_HOME to it.`,
  )
}

async function versionOf(command: string): Promise<string> {
  try {
    // It says so on the standard error.
    return (await run(command, ['-version'])).stderr
  } catch (error) {
    throw new KafkaUnavailableError(
      `Kafka needs Java, and ${command} cannot be run: install a JDK of version ${needed} or newer, and have it on the PATH or set JAVA_HOME.`,
      { cause: error },
    )
  }
}
