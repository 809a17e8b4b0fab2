import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

/** Files of a certificate in a folder of their own, which ends with the test. */
export async function tlsFiles(pair: { cert: string; key: string }) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
  const write = async ({ cert, key }: Partial<typeof pair>) => {
    if (cert !== undefined) await writeFile(files.certFile, cert)
    if (key !== undefined) await writeFile(files.keyFile, key)
  }
  await write(pair)
  return { files, write }
}

/** Sends a GET that trusts whatever certificate there is. Default: on a connection of its own. */
export function getSecurely(url: string, agent = new Agent({ rejectUnauthorized: false })): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request(url, { agent, rejectUnauthorized: false }, (answer) => resolve(answer.resume()))
    .on('error', reject)
    .end()
  return promise
}

/** The name in the certificate that an answer came with. */
export function nameOf(answer: IncomingMessage): unknown {
  return (answer.socket as TLSSocket).getPeerCertificate().subject.CN
}
