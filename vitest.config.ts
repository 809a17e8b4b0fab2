import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './tools/src/vitest-reporter.ts'

const everything = ['packages/*', 'apps/*', 'tools', 'bench'].map((part) => `${part}/{src,test}/**/*.test.ts`)

/** What is promised on every broker: these files run on each. */
const promises = [
  'packages/millrace/src/delivery/**/*.test.ts',
  'packages/millrace/test/**/*.test.ts',
  'apps/backend/src/modules/**/*.test.ts',
]

export default defineConfig({
  test: {
    globalSetup: ['packages/millrace/src/testing/vitest-global-setup.ts', 'tools/src/vitest-kafka.ts'],
    reporters: ['default', new ClosingLineReporter()],
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Node strips the types itself, so that tests run what the app runs.
    experimental: { viteModuleRunner: false },
    projects: [
      { extends: true, test: { name: 'postgres', include: everything } },
      { extends: true, test: { name: 'kafka', include: promises, env: { TEST_BROKER: 'kafka' } } },
    ],
  },
})
