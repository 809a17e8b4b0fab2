import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { type Duration, milliseconds } from '../core/duration.ts'
import { fail, messageOf } from '../core/errors.ts'

/** Where the certificate of HTTPS is. */
export interface TlsFiles {
  /** The certificate and those between it and its authority, as PEM. */
  readonly certFile: string
  /** Its private key, as PEM. */
  readonly keyFile: string
  /** How often to look whether they have changed. @default '10s' */
  readonly checkEvery?: Duration
}

/** A certificate with its key, which fit each other. */
interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** @throws TLS_FILES_INVALID */
export function readKeyPair(files: TlsFiles): KeyPair {
  return read(files, (pair) => {
    if (isEmptied(pair)) throw new Error('a file is empty')
  })
}

function read({ certFile, keyFile }: TlsFiles, check: (pair: KeyPair) => void): KeyPair {
  try {
    const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
    check(pair)
    createSecureContext(pair)
    return pair
  } catch (cause) {
    throw fail('TLS_FILES_INVALID', { certFile, keyFile, problem: messageOf(cause) }, { cause })
  }
}

/** What is written anew is emptied first. It would be taken for no certificate, with which nobody can connect. */
function isEmptied({ cert, key }: KeyPair): boolean {
  return cert === '' || key === ''
}

/**
 * Has a server take a new certificate when the files change: for connections from then on, those that are there stay. What
 * cannot be used is logged, once, and the certificate before stays. It looks at what the files say: links that are set
 * anew (Kubernetes, certbot) and file systems that tell of no change are seen as well.
 *
 * @returns ends it
 */
export function reloadKeyPair(server: Server, files: TlsFiles, logger: Logger): () => void {
  let last = readKeyPair(files)
  server.setSecureContext(last)
  let lastProblem: string | undefined
  const look = () => {
    try {
      const pair = read(files, () => {})
      if (isEmptied(pair)) return
      lastProblem = undefined
      if (pair.cert === last.cert && pair.key === last.key) return
      server.setSecureContext(pair)
      last = pair
      logger.info({ certFile: files.certFile }, 'the TLS certificate was changed')
    } catch (error) {
      if (messageOf(error) === lastProblem) return
      lastProblem = messageOf(error)
      logger.error({ err: error }, 'the TLS certificate could not be changed; the one before stays')
    }
  }
  const timer = setInterval(look, milliseconds(files.checkEvery ?? '10s')).unref()
  return () => clearInterval(timer)
}
