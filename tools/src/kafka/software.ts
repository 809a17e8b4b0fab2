import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cached, hashOf } from '../servers/cache.ts'
import { startCluster } from './cluster.ts'
import { kafkaClasspath } from './jars.ts'
import { findJava, type Java, KafkaUnavailableError } from './java.ts'
import { clusterTemplate } from './template.ts'

/** What a Kafka is started from. */
export interface Software {
  readonly java: Java
  readonly classpath: string
  /** The folder that new clusters get a copy of. */
  readonly template: string
  /** More arguments for Java. */
  readonly javaOptions: readonly string[]
}

/**
 * Finds the software, and makes what of it is not there yet, which takes some ten seconds the first time.
 *
 * @throws KafkaUnavailableError when it cannot be had on this machine
 */
export async function findSoftware(): Promise<Software> {
  const java = await findJava()
  const classpath = await kafkaClasspath()
  const template = await clusterTemplate(java, classpath)
  const software = { java, classpath, template, javaOptions: [] }
  return { ...software, javaOptions: await archiveOptions(software) }
}

/**
 * Why Kafka cannot run on this machine, with what to install; undefined when it can. For tests, which are skipped for
 * that reason where nobody has promised to have it. Fetches what is missing, as a start would.
 */
export async function kafkaUnavailable(): Promise<string | undefined> {
  try {
    await findSoftware()
    return undefined
  } catch (error) {
    if (error instanceof KafkaUnavailableError) return error.message
    throw error
  }
}

const archiveFile = 'kafka.jsa'

/**
 * Has Java load its classes from an archive of those that a broker needs: half of the time that a start takes, and of
 * the work, is else spent on that. The archive is made by a broker that ends. A Java that makes none is used without.
 */
async function archiveOptions(software: Software): Promise<string[]> {
  const folder = await cached({
    name: `archive-${hashOf(software.classpath, software.java.version)}`,
    make: async (made) => {
      const javaOptions = [`-XX:ArchiveClassesAtExit=${join(made, archiveFile)}`]
      await using cluster = await startCluster({ secure: true }, { ...software, javaOptions })
      for (const broker of cluster.brokers) await broker.stop()
    },
  })
  const archive = join(folder, archiveFile)
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []
}
