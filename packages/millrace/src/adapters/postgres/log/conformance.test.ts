import { afterAll, beforeAll } from 'vitest'
import { describeBroker } from '../../../conformance/index.ts'
import { silentLogger } from '../../../core/logger.ts'
import { migrate } from '../../../migrate/index.ts'
import { createTestDatabase, type TestDatabase } from '../../../testing/database.ts'
import { createPostgresDatabase } from '../index.ts'
import { createPostgresBroker, logMigrations } from './index.ts'

let server: TestDatabase

beforeAll(async () => {
  server = await createTestDatabase()
  const database = createPostgresDatabase({ url: server.url })
  await migrate(database, [logMigrations], silentLogger)
  await database.stop()
})

afterAll(() => server.drop())

describeBroker('the log in PostgreSQL', {
  sessionTimeoutMs: 1_000,
  async create() {
    const database = createPostgresDatabase({ url: server.url })
    const broker = createPostgresBroker({ database, sessionTimeout: '1s', heartbeat: '100ms' })
    await broker.start()
    return {
      broker,
      // Without its database the process cannot show that it lives, nor give anything up.
      kill: () => database.stop(),
      async dispose() {
        await broker.stop()
        await database.stop()
      },
    }
  },
})
