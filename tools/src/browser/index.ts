import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'
import { browserProgram } from './program.ts'

/** How long a test waits for what it expects of a page. */
const patienceMs = 30_000

/** A browser for the tests of a file. */
export interface TestBrowser {
  /**
   * A browser of its own as far as pages can tell: nothing is stored yet. It is closed with the test; one more page of it is
   * one more tab.
   */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>
}

/** To be called once, in the file of the tests: starts a browser for the first of them, ends it after the last. */
export function testBrowser(): TestBrowser {
  let started: Promise<Browser> | undefined
  afterAll(async () => {
    await (await started)?.close()
  })
  return {
    newContext: async (options) => {
      started ??= launch()
      const context = await (await started).newContext(options)
      context.setDefaultTimeout(patienceMs)
      onTestFinished(() => context.close())
      return context
    },
  }
}

async function launch(): Promise<Browser> {
  const { executablePath, env } = await browserProgram()
  // Its sandbox needs rights that containers do not give.
  return chromium.launch({ executablePath, args: ['--no-sandbox'], env: { ...process.env, ...env } })
}

/** What a page complains of in its console, and what it throws, from now on. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  return complaints
}
