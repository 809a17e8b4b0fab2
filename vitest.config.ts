import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './tools/src/vitest-reporter.ts'

const everything = ['packages/*', 'apps/*', 'tools', 'bench'].map((part) => `${part}/{src,test}/**/*.test.ts`)

/** What is promised on every broker: these files run on each. */
const promises = [
  'packages/millrace/src/delivery/**/*.test.ts',
  'packages/millrace/test/**/*.test.ts',
  'apps/backend/src/modules/**/*.test.ts',
]

/** Those of them in which no broker has a part. */
const brokerless = [
  'packages/millrace/test/faults/{dead-versions,ledger}.test.ts',
  'packages/millrace/test/chaos/{fates,options,script,verdict}.test.ts',
  'apps/backend/src/modules/todos/ids.test.ts',
  'apps/backend/src/modules/tasks/{changes,auth/auth}.test.ts',
]

/** What is about Kafka alone. */
const kafkaOnly = [
  'packages/millrace/src/adapters/kafka/**/*.test.ts',
  'packages/millrace/test/kafka/**/*.test.ts',
  'apps/backend/src/kafka.test.ts',
  'bench/test/kafka-*.test.ts',
]

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
      { extends: true, test: { name: 'postgres', include: everything, exclude: kafkaOnly } },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: [...promises, ...kafkaOnly],
          exclude: brokerless,
          env: { TEST_BROKER: 'kafka' },
          // Kafka is started only where something of this project runs.
          globalSetup: ['tools/src/vitest-kafka.ts'],
        },
      },
    ],
  },
})
