import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { testBrowser } from '@millrace/tools/browser'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { register, startApp } from './app.fixture.ts'
import { connectionState, rows, signIn } from './pages.fixture.ts'

/** Where the pictures go. */
const folder = process.env['SCREENSHOTS'] ?? 'screenshots'
const browser = testBrowser()

const dayMs = 86_400_000
const inDays = (days: number) => new Date(Date.now() + days * dayMs).toISOString()

const examples = [
  { title: 'Rotate the signing key of the staging cluster', priority: 'high', due_date: inDays(-1.2) },
  {
    title: 'Write to the carrier about the late trailers',
    description:
      'Three of them since Monday: 4711, 4713 and 4720. Ask for a time at which they are at the ramp, and whether the other route would have been faster.',
    due_date: inDays(0.1),
  },
  { title: 'Review the alerts that nobody has looked at', priority: 'low' },
  { title: 'Order filters for the pumps', description: 'The long ones.', due_date: inDays(1.1) },
  { title: 'Agree on a window for the next migration', priority: 'high', due_date: inDays(12) },
  { title: 'Count the stock in hall two' },
]

async function menuOf(page: Page, title: string): Promise<void> {
  await rows(page).filter({ hasText: title }).getByRole('button', { name: /^More/ }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).waitFor()
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`pictures, ${colorScheme}`, async () => {
    await mkdir(folder, { recursive: true })
    const app = await startApp()
    const account = await register(app)
    const sizes = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }
    const contexts = await Promise.all(
      Object.entries(sizes).map(async ([size, viewport]) => {
        const context = await browser.newContext({ baseURL: app.url, colorScheme, viewport })
        return [size, await context.newPage()] as const
      }),
    )
    const take = async (name: string, look: (page: Page) => Promise<unknown>) => {
      for (const [size, page] of contexts) {
        await look(page)
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), animations: 'disabled' })
      }
    }
    await take('sign-in', async (page) => {
      await page.goto('/console')
      await signIn(page, { ...account, password: 'wrong' })
      await page.getByRole('alert').waitFor()
    })
    await take('empty', async (page) => {
      await signIn(page, account)
      await connectionState(page, 'live').waitFor()
    })
    for (const body of examples) await app.ask('POST', '/api/tasks', { token: account.token, body })
    const { body } = await app.ask('GET', '/api/tasks', { token: account.token })
    const [{ id }] = body['items'] as [{ id: string }]
    await app.ask('POST', `/api/tasks/${id}/complete`, { token: account.token })
    await take('tasks', (page) => rows(page).filter({ hasText: 'Rotate' }).waitFor())
    await take('all', (page) => page.getByText(/^All/).click())
    await take('menu', (page) => menuOf(page, 'Agree'))
    await take('delete', (page) => page.getByRole('menuitem', { name: 'Delete' }).click())
    await take('edit', async (page) => {
      await page.getByRole('button', { name: 'Cancel' }).click()
      await rows(page)
        .getByRole('button', { name: /^Write to/ })
        .click()
      await page.getByLabel('Title').waitFor()
    })
    await app.kill()
    await take('reconnecting', async (page) => {
      await page.getByRole('button', { name: 'Cancel' }).click()
      await connectionState(page, 'reconnecting').waitFor()
    })
    expect(contexts).toHaveLength(2)
  }, 120_000)
}
