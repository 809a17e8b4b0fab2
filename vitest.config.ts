import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './tools/src/vitest-reporter.ts'

export default defineConfig({
  test: {
    include: ['packages/*', 'apps/*', 'tools', 'bench'].map((part) => `${part}/{src,test}/**/*.test.ts`),
    globalSetup: ['packages/millrace/src/testing/vitest-global-setup.ts'],
    reporters: ['default', new ClosingLineReporter()],
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Node strips the types itself, so that tests run what the app runs.
    experimental: { viteModuleRunner: false },
  },
})
