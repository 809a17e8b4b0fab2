import { postgresConfig } from './config.ts'
import { Session } from './session.ts'

// A process that takes a lock, says so, and holds it: `locker.fixture.ts <url> <lock> <liveness in ms>`.
const [url = '', name = '', liveness = ''] = process.argv.slice(2)
const session = new Session({ ...postgresConfig({ url }), sessionLivenessMs: Number(liveness) }, () => {})
const lease = await session.tryLock(name)
process.stdout.write(lease ? 'locked\n' : 'refused\n')
lease?.lost.addEventListener('abort', () => process.stdout.write('lost\n'))
setInterval(() => {}, 60_000)
