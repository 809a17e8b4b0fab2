import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

/** A file as browsers are given it. */
export interface ClientFile {
  /** Below `/ws/`. */
  readonly path: string
  readonly text: string
  /** Another one for another text. */
  readonly etag: string
}

const folder = new URL('../../client/', import.meta.url)
/** A module; neither a test nor a declaration, which have one more dot in their names. */
const moduleFile = /^[a-z-]+\.(?:js|ts)$/

let known: readonly ClientFile[] | undefined

/**
 * The browser's client as ES modules: `client.js`, and the files that it is made of. They are read once in a process, and
 * no request leads to another file.
 */
export function clientFiles(): readonly ClientFile[] {
  known ??= readClientFiles()
  return known
}

function readClientFiles(): ClientFile[] {
  const names = readdirSync(folder).filter((name) => moduleFile.test(name))
  const files = names.map((name) => clientFile(`client/${name}`, readModule(name)))
  const index = names.find((name) => name.startsWith('index.')) ?? ''
  // All at once: else a browser would learn of each from the last.
  const imports = names.map((name) => `import './client/${name}'\n`).join('')
  return [clientFile('client.js', `${imports}export { createLiveClient } from './client/${index}'\n`), ...files]
}

function clientFile(path: string, text: string): ClientFile {
  return { path, text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` }
}

/** In a published package it is JavaScript already. */
function readModule(name: string): string {
  const text = readFileSync(new URL(name, folder), 'utf8')
  return name.endsWith('.ts') ? withoutTypes(text) : text
}

/** As Node does it with every file of this program; the function that does it is experimental, and would say so on each start. */
function withoutTypes(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
