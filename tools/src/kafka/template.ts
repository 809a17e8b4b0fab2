import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached, hashOf } from '../servers/cache.ts'

import type { Java } from './java.ts'

/** The user of secure listeners, by whatever mechanism. */
export const username = 'millrace'

/** The names of a template's files. */
export const templateFiles = {
  /** What a formatted data folder begins with: the features, and the user. */
  checkpoint: 'bootstrap.checkpoint',
  keystore: 'keystore.p12',
  /** The certificate, which is its own authority. */
  ca: 'ca.pem',
  /** Of the user, and of the keystore. */
  password: 'password',
} as const

const run = promisify(execFile)
// Counts the changes of this file that change what it makes.
const revision = 2

/**
 * The folder with the files that each new cluster gets a copy of. To make them takes three runs of Java, and nothing
 * in them belongs to one cluster: keys and password are this checkout's.
 */
export function clusterTemplate(java: Java, classpath: string): Promise<string> {
  return cached({
    name: `template-${hashOf(classpath, String(revision))}`,
    make: async (folder) => {
      const password = randomBytes(18).toString('base64url')
      await writeFile(join(folder, templateFiles.password), password, { mode: 0o600 })
      await Promise.all([makeKeys(folder, java, password), makeCheckpoint(folder, java, classpath, password)])
    },
  })
}

/** Copies the template into the folder. */
export async function copyTemplate(template: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of Object.values(templateFiles)) await cp(join(template, name), join(folder, name))
}

async function makeKeys(folder: string, java: Java, password: string): Promise<void> {
  const store = ['-keystore', join(folder, templateFiles.keystore), '-storetype', 'PKCS12', '-storepass', password]
  const names = ['-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost,ip:127.0.0.1', '-ext', 'bc=ca:true']
  const key = ['-alias', 'kafka', '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '3650']
  await run(java.keytool, ['-genkeypair', ...store, ...key, ...names])
  const exported = await run(java.keytool, ['-exportcert', '-rfc', ...store, '-alias', 'kafka'])
  // It ends lines in two ways.
  await writeFile(join(folder, templateFiles.ca), exported.stdout.replaceAll('\r', ''))
}

async function makeCheckpoint(folder: string, java: Java, classpath: string, password: string): Promise<void> {
  const data = join(folder, 'formatted')
  const file = join(folder, 'format.properties')
  await writeFile(file, formatProperties(data))
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${username},password=${password}]`,
  ])
  const tool = ['-XX:TieredStopAtLevel=1', '-cp', classpath, 'kafka.tools.StorageTool', 'format']
  await run(java.command, [...tool, '--cluster-id', randomId(), '--config', file, ...scram])
  await rename(join(data, templateFiles.checkpoint), join(folder, templateFiles.checkpoint))
  await Promise.all([data, file].map((path) => rm(path, { recursive: true })))
}

/** As little as the tool accepts; nothing of it gets into the checkpoint. */
function formatProperties(data: string): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@127.0.0.1:1',
    'controller.listener.names': 'CONTROLLER',
    listeners: 'PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1',
    'log.dirs': data,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** An id as Kafka makes them. Ones with a dash in front look like an option to its tools. */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/** What a client needs for the secure listeners of one cluster. */
export interface ClientSecurity {
  /** The certificate of the authority, as PEM. */
  readonly ca: string
  readonly caFile: string
  readonly username: string
  readonly password: string
  /** Settings of a client in Java: `--command-config` of Kafka's own tools. */
  readonly clientFile: string
}

/** Reads what a client needs from a cluster's copy of the template. */
export async function readSecurity(folder: string): Promise<ClientSecurity> {
  const caFile = join(folder, templateFiles.ca)
  const [ca, password] = await Promise.all([
    readFile(caFile, 'utf8'),
    readFile(join(folder, templateFiles.password), 'utf8'),
  ])
  const clientFile = join(folder, 'client.properties')
  await writeFile(clientFile, clientProperties(caFile, password), { mode: 0o600 })
  return { ca, caFile, username, password, clientFile }
}

function clientProperties(caFile: string, password: string): string {
  const login = 'org.apache.kafka.common.security.scram.ScramLoginModule required'
  return [
    'security.protocol=SASL_SSL',
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${caFile}`,
    'sasl.mechanism=SCRAM-SHA-512',
    `sasl.jaas.config=${login} username="${username}" password="${password}";`,
    '',
  ].join('\n')
}
