import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cached } from '../servers/cache.ts'
import { type Keeper, type KeptProcess, startKeeper } from '../servers/keeping.ts'
import { freePort, untilFree } from '../servers/ports.ts'
import { endProcess, untilReady } from '../servers/processes.ts'
import { temporaryFolder } from '../servers/temporary.ts'
import { maven, plugin } from './jars.ts'
import { findJava, KafkaUnavailableError } from './java.ts'

/** How to start a schema registry. */
export interface RegistryOptions {
  /** Has the data, and keeps it for the next start. @default none: it is in memory */
  readonly directory?: string
  /** @default a free one */
  readonly port?: number
}

/** A schema registry that lives as long as this process, at most. */
export interface SchemaRegistry extends AsyncDisposable {
  /** Of its API, which is that of Confluent's registry, without a slash at its end. */
  readonly url: string
  readonly pid: number
  /** Ends it. Resolves when it is gone. */
  stop(): Promise<void>
}

const version = '3.0.9'
const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`
const pollMs = 50

/**
 * Starts a real schema registry, Apicurio's, by Java, on 127.0.0.1. It ends with this process, however that ends.
 *
 * @throws KafkaUnavailableError when it cannot run on this machine; ServerStartError with what it wrote
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<SchemaRegistry> {
  const java = await findJava()
  const jar = await registryJar()
  const port = options.port ?? (await freePort())
  await untilFree([port])
  // It works in a folder of its own, as it may write what nobody asked for.
  const directory = await temporaryFolder('millrace-registry-')
  const keeper = startKeeper({ remove: [directory] })
  try {
    const store = options.directory === undefined ? [] : await storeIn(options.directory)
    const program = [...javaArguments(port), ...store, '-jar', jar]
    const started = await keeper.start({ command: java.command, arguments: program, directory, isRead: true })
    const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
    await untilServing(started, url)
    const stop = () => stopRegistry(started, keeper, options.directory !== undefined)
    return { url, pid: started.pid, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await keeper.close()
    throw error
  }
}

async function stopRegistry(started: KeptProcess, keeper: Keeper, isKept: boolean): Promise<void> {
  // What is kept is to be complete.
  if (isKept) await endProcess(started, 'SIGTERM')
  await keeper.close()
}

/** The registry's program, fetched by Maven the first time. */
export async function registryJar(): Promise<string> {
  const folder = await cached({
    name: `registry-${version}`,
    make: (made) => maven([`${plugin}:unpack`, `-Dartifact=${artifact}`, `-DoutputDirectory=${made}`], made),
  })
  const jar = (await readdir(folder)).find((name) => name.endsWith('-runner.jar'))
  if (!jar) throw new KafkaUnavailableError(`${folder} has no program; remove it to have it made again.`)
  return join(folder, jar)
}

function javaArguments(port: number): string[] {
  const size = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData']
  return [...size, '-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`]
}

async function storeIn(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true })
  return [`-Dapicurio.datasource.url=jdbc:h2:file:${join(resolve(directory), 'registry')}`]
}

async function untilServing(started: KeptProcess, url: string): Promise<void> {
  const settled = new AbortController()
  try {
    await untilReady(started, 'The schema registry', untilAnswers(url, settled.signal))
  } finally {
    settled.abort()
  }
}

async function untilAnswers(url: string, settled: AbortSignal): Promise<void> {
  while (!settled.aborted) {
    const answer = await fetch(`${url}/subjects`, { signal: settled }).catch(() => undefined)
    if (answer?.ok) return
    await delay(pollMs)
  }
}
