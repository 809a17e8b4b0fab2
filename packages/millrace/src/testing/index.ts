export {
  createTestDatabase,
  type DatabaseTemplate,
  startTestPostgres,
  type TestDatabase,
  type TestPostgres,
} from './database.ts'
export { selfSigned } from './self-signed.ts'
export { type TestApp, type TestAppOptions, type TestHttp, testApp } from './test-app.ts'
export type { TestClock } from './test-clock.ts'
