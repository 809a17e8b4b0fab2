import { Client, DatabaseError, escapeIdentifier } from 'pg'

const connectMs = 10_000

/**
 * Makes a database when it is missing; at the same time the proof that the server takes connections.
 *
 * @param url gives the address of a database by its name
 */
export async function ensureDatabase(name: string, url: (name: string) => string): Promise<void> {
  try {
    await visit(url(name), 'SELECT 1')
  } catch (error) {
    if (!hasCode(error, '3D000')) throw error
    await visit(url('postgres'), `CREATE DATABASE ${escapeIdentifier(name)}`)
  }
}

async function visit(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectMs })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof DatabaseError && error.code === code
}
