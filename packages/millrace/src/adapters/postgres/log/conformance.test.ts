import { afterAll, beforeAll } from 'vitest'
import { describeBroker } from '../../../conformance/index.ts'
import { createTestLog, type TestLog } from './log.fixture.ts'

let log: TestLog

beforeAll(async () => {
  log = await createTestLog()
})

afterAll(() => log[Symbol.asyncDispose]())

describeBroker('the log in PostgreSQL', {
  sessionTimeoutMs: 1_000,
  async create() {
    const { broker, database, stop } = await log.connect()
    // Without its database the process cannot show that it lives, nor give anything up.
    return { broker, kill: () => database.stop(), dispose: stop }
  },
})
