/**
 * An app with an embedded PostgreSQL in the directory it is given. It prints one line of JSON when the server has
 * started or could not be, and stays until its standard input ends.
 */
import { isMillraceError, messageOf } from '../../core/errors.ts'
import { startEmbeddedPostgres } from './index.ts'

try {
  const { url, pid, location } = await startEmbeddedPostgres({
    directory: process.argv[2] ?? '',
    temporary: process.argv[3] === 'temporary',
    // Servers are killed here; what one has in /dev/shm would stay.
    settings: { dynamic_shared_memory_type: 'mmap' },
  })
  process.stdout.write(`${JSON.stringify({ url, pid, location })}\n`)
  process.stdin.resume().once('end', () => process.exit(0))
} catch (error) {
  const code = isMillraceError(error) ? error.code : 'unknown'
  process.stdout.write(`${JSON.stringify({ code, message: messageOf(error) })}\n`)
}
