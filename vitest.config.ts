import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './tools/src/vitest-reporter.ts'

const everything = [
  ...['packages/*', 'apps/*', 'tools', 'bench'].map((part) => `${part}/{src,scripts,test}/**/*.test.ts`),
  'docs/guides/*.test.ts',
]

/** What is promised on every broker: these files run on each. */
const promises = [
  'packages/millrace/src/delivery/**/*.test.ts',
  'packages/millrace/test/**/*.test.ts',
  'apps/backend/src/modules/**/*.test.ts',
  'docs/guides/*.test.ts',
]

/** Those of them in which the broker has no part, or one that is proved well enough on one of them. */
const brokerless = [
  'packages/millrace/test/faults/{dead-versions,ledger,live-client-sabotage,live-tally}.test.ts',
  'packages/millrace/test/chaos/{fates,options,sabotage,script,verdict}.test.ts',
  'apps/backend/src/modules/todos/ids.test.ts',
  'apps/backend/src/modules/notifications/processes.test.ts',
  'apps/backend/src/modules/notifications/senders/*.test.ts',
  'docs/guides/receive-webhooks.test.ts',
  'apps/backend/src/modules/tasks/{changes,auth/auth}.test.ts',
]

/** What is about Kafka alone. */
const kafkaOnly = [
  'packages/millrace/src/adapters/kafka/**/*.test.ts',
  'packages/millrace/test/kafka/**/*.test.ts',
  'apps/backend/src/kafka.test.ts',
  'apps/backend/src/modules/tasks/console-producer.test.ts',
  'apps/backend/scripts/kafka.test.ts',
  'bench/test/kafka-*.test.ts',
]

/** What has a part in it: these files run with a Redis besides. */
const besideRedis = ['packages/millrace/src/live/*.test.ts', 'packages/millrace/test/faults/{live,live-client}.test.ts']

/** What is about Redis alone. */
const redisOnly = [
  'packages/millrace/src/adapters/redis/**/*.test.ts',
  'packages/millrace/test/redis/**/*.test.ts',
  'apps/backend/src/redis.test.ts',
]

/** What is about time that passes while several processes work: these files run one at a time, when all others have. */
const alone = [
  'packages/millrace/test/regressions/poison-among-ten-thousand.test.ts',
  'apps/backend/src/modules/orders/rolling-restart.test.ts',
]
const inTheEnd = { maxWorkers: 1, sequence: { groupOrder: 1 } }

/** What is seen in a browser, of an app in a process of its own. */
const inBrowser = ['apps/console/test/**/*.test.ts']

/** Pictures of it are taken on demand: `SCREENSHOTS=folder npm test -- --project browser screenshots`. */
const onDemand = process.env['SCREENSHOTS'] ? ['apps/console/test/screenshots.ts'] : []

/** Kafka is started only where something of the project runs. */
const onKafka = { env: { TEST_BROKER: 'kafka' }, globalSetup: ['tools/src/vitest-kafka.ts'] }

export default defineConfig({
  test: {
    globalSetup: ['packages/millrace/src/testing/vitest-global-setup.ts'],
    reporters: ['default', new ClosingLineReporter()],
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Node strips the types itself, so that tests run what the app runs.
    experimental: { viteModuleRunner: false },
    projects: [
      {
        extends: true,
        test: { name: 'postgres', include: everything, exclude: [...kafkaOnly, ...redisOnly, ...alone, ...inBrowser] },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: [...inBrowser, ...onDemand],
          globalSetup: ['tools/src/vitest-browser.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: [...promises, ...kafkaOnly],
          exclude: [...brokerless, ...alone],
          ...onKafka,
        },
      },
      {
        extends: true,
        test: {
          name: 'redis',
          include: [...besideRedis, ...redisOnly],
          env: { TEST_BUS: 'redis' },
          globalSetup: ['tools/src/vitest-redis.ts'],
        },
      },
      { extends: true, test: { name: 'postgres-alone', include: alone, ...inTheEnd } },
      { extends: true, test: { name: 'kafka-alone', include: alone, ...onKafka, ...inTheEnd } },
    ],
  },
})
