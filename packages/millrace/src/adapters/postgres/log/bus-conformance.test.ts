import { afterAll, beforeAll } from 'vitest'
import { describeBus } from '../../../conformance/index.ts'
import { logBus } from '../../../live/log-bus.ts'
import { createTestLog, type TestLog } from './log.fixture.ts'

let log: TestLog

beforeAll(async () => {
  log = await createTestLog()
})

afterAll(() => log[Symbol.asyncDispose]())

describeBus('the log in PostgreSQL alone', {
  async create() {
    const { broker, stop } = await log.connect()
    return { broker, bus: logBus, carry: () => {}, dispose: stop }
  },
  disturbances: {
    'all connections to the database are cut': async () => {
      const { database, stop } = await log.connect()
      await database
        .query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        )
        .catch(() => {})
      await stop()
    },
  },
})
