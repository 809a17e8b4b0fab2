import { createPostgresDatabase } from '../index.ts'
import { createPostgresBroker } from './index.ts'

// A process whose broker fails to start, half way: `node failed-start.fixture.ts <url>`. It ends when nothing of it runs.
const [url = ''] = process.argv.slice(2)
const database = createPostgresDatabase({ url })
const failing = new Proxy(database, {
  get(target, name) {
    if (name === 'listen') return listen
    const found: unknown = Reflect.get(target, name)
    return typeof found === 'function' ? found.bind(target) : found
  },
})
await createPostgresBroker({ database: failing })
  .start()
  .catch((error: Error) => process.stdout.write(error.message))
await database.stop()

async function listen(channel: string, onNotify: () => void): Promise<() => Promise<void>> {
  if (channel === 'millrace_group') throw new Error('no listening today')
  return database.listen(channel, onNotify)
}
